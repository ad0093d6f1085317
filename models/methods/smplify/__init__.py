"""SMPLify (Bogo et al., ECCV 2016) on bodies of the farm's own."""
