"""From a reconstruction to what people take away: a rigged asset, films, an outline over the photo."""
