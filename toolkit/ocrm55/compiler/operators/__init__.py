"""What operators compute, apart from how; and the program that they make up."""
