"""Models as artefacts: files addressed by their SHA-256, each with its card, run in one place.

Holds graphs built by code, the registry that refuses what does not fit, and the one runner. ONNX and ONNX
Runtime are met nowhere else.
"""
