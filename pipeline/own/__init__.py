"""Two GANs on a folder of one's own images: look at it, choose params that fit, run the comparison, open the page."""
