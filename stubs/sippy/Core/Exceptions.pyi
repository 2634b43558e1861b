from collections.abc import Callable

dump_exception: Callable[..., None]
