"""Courses: what a package holds (``content``), how it is read (``package``), how it is kept (``store``)."""
