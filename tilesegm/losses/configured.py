"""Objects that are saved, and rebuilt, by the arguments of their constructor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import keras

from tilesegm.errors import SettingsError
from tilesegm.losses.names import argument_names

__all__ = ["Configured"]


class Configured:
    """Base of losses, rules and schedules: Keras saves each argument by the attribute of its name.

    Losses and other Keras objects among the arguments are saved with their own arguments.
    """

    earlier_names: ClassVar[dict[str, str]] = {}
    """Today's name of an argument by its name in models that earlier versions saved."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this object.

        Raises:
            SettingsError: an argument is not kept as an attribute of its name.
        """
        config = {}
        for name in argument_names(type(self)):
            if not hasattr(self, name):
                raise SettingsError(
                    f"{type(self).__name__} cannot be saved, because it does not keep its argument "
                    f"{name!r} as self.{name}; keep it there, or write get_config and from_config"
                )
            # Keras keeps the argument `dtype` of a layer as a policy.
            value = getattr(self, "dtype_policy" if name == "dtype" else name)
            value = list(value) if isinstance(value, tuple) else value
            config[name] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild an object from what `get_config` returned, in this version or an earlier one."""
        values = {
            cls.earlier_names.get(name, name): keras.saving.deserialize_keras_object(value)
            for name, value in config.items()
        }
        return cls(**values)
