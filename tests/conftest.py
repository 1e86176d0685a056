"""What holds for every test: nothing is judged by how long it takes."""

from hypothesis import settings

settings.register_profile("clearwatt", deadline=None)
settings.load_profile("clearwatt")
