"""Compare two GANs on a folder of one's own images: survey it, choose params, run the comparison, open the report."""
