"""Models of texts, tiny and made here: transformers, sentence-transformers, spaCy.

Their weights are random and their vocabulary is a few words, so nothing is fetched.
"""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from testkit.conformance.cases import Case, Input, dataframe_split, inputs
from testkit.conformance.inputs import UNICODE
from testkit.conformance.models.boosting import _log

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] good bad tea day the a is"


def _bert(head: str, **config: Any) -> tuple[Any, Any]:
    """A BERT of two layers with a head, and its tokenizer."""
    import torch
    import transformers

    folder = Path(mkdtemp(prefix="tiny-bert-"))
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS.split()))
    tokenizer = transformers.BertTokenizerFast(
        vocab={word: place for place, word in enumerate(WORDS.split())}, model_max_length=32
    )
    torch.manual_seed(7)
    shape = transformers.BertConfig(
        vocab_size=len(WORDS.split()),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        **config,
    )
    return getattr(transformers, head)(shape).eval(), tokenizer


def _pipeline(name: str, task: str, head: str, **config: Any) -> None:
    import mlflow.transformers
    import transformers

    model, tokenizer = _bert(head, **config)
    mlflow.transformers.log_model(
        transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu"),
        name=name,
        registered_model_name=name,
        pip_requirements=[],
        input_example=["good tea"],
    )


def classification(name: str) -> None:
    labels = {0: "bad", 1: "good"}
    _pipeline(name, "text-classification", "BertForSequenceClassification", id2label=labels)


def fill_mask(name: str) -> None:
    import mlflow.transformers
    import transformers

    model, tokenizer = _bert("BertForMaskedLM")
    mlflow.transformers.log_model(
        transformers.pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu"),
        name=name,
        registered_model_name=name,
        pip_requirements=[],
        input_example=["good [MASK]"],
    )


def tokens(name: str) -> None:
    labels = {0: "O", 1: "DRINK"}
    _pipeline(name, "token-classification", "BertForTokenClassification", id2label=labels)


def embeddings(name: str) -> None:
    """Sentence-transformers around the same BERT."""
    import mlflow.sentence_transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    model, tokenizer = _bert("BertModel")
    folder = mkdtemp(prefix="tiny-sentences-")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    words = Transformer(folder, max_seq_length=32)
    pooling = Pooling(16)
    mlflow.sentence_transformers.log_model(
        SentenceTransformer(modules=[words, pooling], device="cpu"),
        name=name,
        registered_model_name=name,
        pip_requirements=[],
    )


def categories(name: str) -> None:
    """A blank English pipeline with a text categorizer."""
    import spacy
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from spacy.training import Example

    spacy.util.fix_random_seed(7)
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat").add_label("good")
    nlp.get_pipe("textcat").add_label("bad")
    texts = [("good tea", {"good": 1.0, "bad": 0.0}), ("bad day", {"good": 0.0, "bad": 1.0})]
    examples = [Example.from_dict(nlp.make_doc(text), {"cats": cats}) for text, cats in texts]
    nlp.initialize(lambda: examples)
    _log("spacy", nlp, name, ModelSignature(Schema([ColSpec("string", "text")])))


TEXTS: list[Any] = [
    "good tea",
    "the day is bad",
    "",
    UNICODE,
    "good tea " * 100,
    "null",
    7,
    None,
    ["good tea"],
    True,
]
EACH = [Input(f"text {place}", text) for place, text in enumerate(TEXTS, 1)]
MASKED = [
    Input(one.label, f"{one.features} [MASK]" if isinstance(one.features, str) else one.features)
    for one in EACH
]
NAMED = [Input(one.label, {"text": one.features}) for one in EACH]
HF, UNNAMED, NEEDS = "transformers", "an unnamed string", "transformers"
ST = "sentence-transformers"
CASES = [
    Case("hf-classes", HF, UNNAMED, classification, EACH, inputs, NEEDS),
    Case("hf-mask", HF, UNNAMED, fill_mask, MASKED, inputs, NEEDS),
    Case("hf-tokens", HF, UNNAMED, tokens, EACH, inputs, NEEDS),
    Case("st-embeddings", ST, UNNAMED, embeddings, EACH, inputs, ST),
    Case("spacy-classes", "spaCy", "named columns", categories, NAMED, dataframe_split, "spacy"),
]
