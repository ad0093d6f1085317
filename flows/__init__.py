"""What is made: each flow is a noun and reads as the sentence it runs."""
