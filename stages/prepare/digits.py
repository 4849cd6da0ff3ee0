"""The 8x8 digits that come with scikit-learn: for tests, and where nothing can be downloaded."""

import numpy as np

from stages.prepare.dataset import Dataset, Source, hold_images
from stages.prepare.division import BY_HASH, choose_test_images

LARGEST_VALUE = 16


def load_digits() -> Dataset:
    """Load the digits; their values 0 to 16 are spread over 0 to 255.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    # Imported here: the other data sets need not wait for scikit-learn.
    import sklearn
    from sklearn import datasets

    bundle = datasets.load_digits()
    values = bundle.images.astype(np.int64)
    images = ((values * 255 + LARGEST_VALUE // 2) // LARGEST_VALUE).astype(np.uint8)
    labels = bundle.target.astype(np.int64)
    names = [f"{label}/{index:04d}" for index, label in enumerate(labels)]
    is_test = choose_test_images(names, labels)
    splits = {
        "train": hold_images(images[~is_test], labels[~is_test]),
        "test": hold_images(images[is_test], labels[is_test]),
    }
    source = Source(
        "scikit-learn", f"sklearn.datasets.load_digits, {sklearn.__version__}", "part of the package"
    )
    return Dataset(source, [str(name) for name in bundle.target_names], 1, BY_HASH, splits)
