"""What lies on disk, and who is on it: data sets and folders of photos. Imports no other room of data/ but hashes and images."""
