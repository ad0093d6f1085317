"""Mesh R-CNN (Gkioxari, Malik and Johnson, ICCV 2019) on the crops of the farm."""
