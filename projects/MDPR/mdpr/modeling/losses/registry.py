"""The terms of the loss that a config chooses by name, the method's own and those of a user's project.

B batch, K identities, D width of an embedding, E of the distilled ones.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from fastreid.utils.registry import Registry
from torch import Tensor

from mdpr.modeling.structures import Attention
from mdpr.rules import Choice

Term = TypeVar("Term", bound=Callable[..., Any])
AttentionLoss = Callable[[Attention], Tensor]

ROLES: Final = {
    "embedding": "MODEL.LOSSES.NAME",
    "distillation": "MODEL.MDPR.DISTILLATION_NAME",
    "diversity": "MODEL.MDPR.DIVERSITY_NAME",
    "area": "MODEL.MDPR.AREA_NAME",
    "auxiliary": "MODEL.MDPR.AUXILIARY_LOSSES",
}
"""What a term can be for, and the key that names it. See `LossRegistry`."""


class LossRegistry(Registry):
    """fast-reid's registry of terms, each entered in the role that it plays. All give scalars.

    - "embedding": called with the config, returns ``(suffix, function)``: the end of its name in the logs,
      and the loss of one head, of its output (``cls_outputs`` (B, K), ``features`` (B, D)) and the targets
      (B,).
    - "distillation": an ``nn.Module`` made of the width E and the norm's name, called with the post-neck
      features (B, E) of the hard branch's global map and of the soft branch's stage 4.
    - "diversity", "area": called with the config, returns a function of the `Attention` of one stage.
    - "auxiliary": an ``nn.Module`` made of the config, called with the outputs of all heads by embedding
      name, each as above, and the targets; already weighted, ``loss_<name>`` in the logs.
    """

    def register(self, role: str, name: str = "") -> Callable[[Term], Term]:
        """Make a decorator that enters a term.

        Args:
            role: of `ROLES`.
            name: what configs call it; its ``__name__`` where none is given.

        Raises:
            ConfigError: there is no such role.
        """
        Choice(ROLES).check("the role of a loss", role)

        def enter(term: Term) -> Term:
            self._do_register((role, name or term.__name__), term)
            return term

        return enter

    def names(self, role: str) -> list[str]:
        """The terms of a role, by the alphabet."""
        return sorted(name for its_role, name in self._obj_map if its_role == role)

    def get(self, name: str, role: str) -> Any:
        """What was entered under a name in a role.

        Raises:
            ConfigError: nothing was, with the role's key and what there is.
        """
        Choice(self.names(role)).check(ROLES[role], name)
        return super().get((role, name))


LOSS_REGISTRY = LossRegistry("MDPR_LOSS")
