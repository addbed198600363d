"""Older calls: accept the earlier signatures of the packaging functions, with a DeprecationWarning."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def accepts_older_calls(
    data_type: type, catalog_keyword: str, same: str, renamed: Mapping[str, str]
) -> Callable[[Function], Function]:
    """Decorate a packaging function so that it accepts its older signatures.

    Parameters
    ----------
    data_type : type
        Type of the packaged object. Scripts that are older than catalogs pass it first.
    catalog_keyword : str
        The name of the first parameter, the catalog.
    same : str
        The other valid name of that parameter.
    renamed : mapping
        Old keyword -> new keyword; an old keyword causes a DeprecationWarning.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: object, **keywords: object) -> object:
            if same in keywords:
                _rename(keywords, same, catalog_keyword, function.__name__)
            if args and isinstance(args[0], data_type):
                _warn(f"{function.__name__} takes the catalog first: pass {catalog_keyword}=None for none")
                args = (keywords.pop(catalog_keyword, None), *args)
            for old, new in renamed.items():
                if old in keywords:
                    _warn(f"{function.__name__}: the keyword {old}= is now called {new}=")
                    _rename(keywords, old, new, function.__name__)
            if not args:
                keywords.setdefault(catalog_keyword, None)
            return function(*args, **keywords)

        return cast("Function", call)

    return decorate


def _rename(keywords: dict[str, object], old: str, new: str, function_name: str) -> None:
    if new in keywords:
        raise TypeError(f"{function_name} got both {old}= and {new}=, which are the same; pass {new}= only")
    keywords[new] = keywords.pop(old)


def _warn(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)
