"""The extractors that scores can be computed with, each one file, known by the file's name.

A file has the class `Options`, the function `make`, which writes the weights and describes them in a card, and the
function `load`, which builds the network from both. An extractor with published weights has `draw_weights`, too, which
draws random ones for tests.
"""
