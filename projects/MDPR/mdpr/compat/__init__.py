"""fast-reid 1.4.0 on current Python, PyTorch and NumPy, and on machines without a GPU.

fast-reid is used as it comes from the package registry. Where one of its parts no longer works and
nothing can be subclassed, one small module here mends it: each has an ``apply()`` that does nothing
where the defect is gone. `install` runs them all, once, before anything else of fast-reid is used.
"""

from mdpr.compat.imports import import_fastreid

__all__ = ["install"]


def install() -> None:
    """Import fast-reid and mend it in place. Calling it again changes nothing.

    Raises:
        ImportError: fast-reid is not installed.
    """
    import_fastreid()

    # These import fast-reid themselves, which works only from here on.
    from mdpr.compat import byte_storage, data_loading, optimizer, random_affine  # noqa: PLC0415

    for patch in (byte_storage, data_loading, optimizer, random_affine):
        patch.apply()
