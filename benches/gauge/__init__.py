"""What `make bench` is made of; ../README.md says how to read its figures and how to add a line."""
