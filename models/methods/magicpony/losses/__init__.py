"""What a good animal model is: small functions that give one number per image, or one for the step."""
