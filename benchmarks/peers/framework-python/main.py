"""The function of Python's functions-framework."""


def handle(request):
    return {"hello": "world"}
