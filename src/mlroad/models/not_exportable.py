"""Why a model has no ONNX form. In its own module: those that convert take seconds to import."""


class NotExportable(Exception):
    """The reason as a sentence that names the step."""
