"""Storage: files that appear whole, on a disk or in a bucket; locks and leases."""
