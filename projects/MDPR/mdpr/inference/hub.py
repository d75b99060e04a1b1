"""Model files on the Hugging Face Hub, by ``huggingface_hub``'s own mixin (``pip install 'mdpr[hub]'``)."""

import shutil
from pathlib import Path
from typing import Any, Final

from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder
from mdpr.inference.model_card import describe

try:
    from huggingface_hub import ModelHubMixin, hf_hub_download
except ImportError as error:
    raise ImportError("the Hub needs huggingface_hub: pip install 'mdpr[hub]'") from error

FILE_NAME: Final = "model.safetensors"
"""What a model file is called in a repository."""


class HubEmbedder(Embedder, ModelHubMixin):
    """An embedder with ``from_pretrained``, ``save_pretrained`` and ``push_to_hub``.

    ``HubEmbedder.from_pretrained("user/name", device=..., precision=..., batch_size=...)`` takes a repository
    or a local folder; ``HubEmbedder("model.safetensors").push_to_hub("user/name")`` uploads the model file
    with its model card. What is downloaded is checked against its own checksum.
    """

    def __new__(cls, *arguments: Any, **keywords: Any) -> "HubEmbedder":
        """Past the mixin's, which would write arguments such as paths into the repository."""
        return object.__new__(cls)

    def _save_pretrained(self, save_directory: Path) -> None:
        """Copy the model file, and write its card."""
        if self.file is None or self.file.path.suffix != Path(FILE_NAME).suffix:
            raise InputError("only a model file goes to the Hub: make one of the run by `mdpr pack`")
        shutil.copyfile(self.file.path, save_directory / FILE_NAME)
        header = ["---", "library_name: mdpr", "pipeline_tag: image-feature-extraction"]
        if self.file.metadata["licence"]:
            header.append(f"license: {self.file.metadata['licence'].lower()}")
        card = "\n".join([*header, "---", "", describe(self.file, "markdown"), ""])
        (save_directory / "README.md").write_text(card, encoding="utf-8")

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **options: Any,
    ) -> "HubEmbedder":
        if Path(model_id).is_dir():
            return cls(Path(model_id) / FILE_NAME, **options)
        path = hf_hub_download(
            model_id,
            FILE_NAME,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
        )
        return cls(path, **options)
