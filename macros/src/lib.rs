//! The macros of leveret.
