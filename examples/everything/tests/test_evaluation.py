"""The metrics, on cases that can be counted by hand."""

import pytest
import torch
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix as reference

from everything import evaluation


def logits_for(*predictions: int) -> torch.Tensor:
    """Logits whose largest value is at these digits."""
    return torch.nn.functional.one_hot(torch.tensor(predictions), 10).float() * 3 - 1


def test_accuracy_counts_hits():
    labels = torch.tensor([7, 1, 2, 9])
    assert evaluation.accuracy(logits_for(7, 1, 2, 8), labels) == 0.75
    assert evaluation.accuracy(logits_for(7, 1, 2, 9), labels) == 1.0
    assert evaluation.accuracy(logits_for(1, 7, 9, 2), labels) == 0.0


def test_confusion_matrix_has_labels_as_rows():
    matrix = evaluation.confusion_matrix(logits_for(7, 7, 2), torch.tensor([7, 1, 2]))
    assert matrix.shape == (10, 10)
    assert matrix.sum() == 3
    assert matrix[7, 7] == matrix[1, 7] == matrix[2, 2] == 1


def test_metrics_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(500, 10, generator=generator)
    labels = torch.randint(10, (500,), generator=generator)
    truth, predicted = labels.numpy(), logits.argmax(dim=1).numpy()
    assert evaluation.accuracy(logits, labels) == pytest.approx(accuracy_score(truth, predicted))
    ours = evaluation.confusion_matrix(logits, labels)
    assert ours.tolist() == reference(truth, predicted).tolist()


def test_prediction_keeps_the_order_over_several_batches():
    images = torch.arange(2500.0).reshape(-1, 1, 1).expand(-1, 8, 8)
    predicted = evaluation.predict(lambda batch: batch[:, 0, :1], images, torch.device("cpu"))
    assert predicted.flatten().tolist() == list(range(2500))


def test_the_picture_shows_every_count():
    matrix = torch.zeros(10, 10, dtype=torch.int64)
    matrix[3, 5], matrix[4, 4] = 2, 31
    (axes,) = evaluation.draw(matrix).axes
    assert {(*text.get_position(), text.get_text()) for text in axes.texts} == {
        (5, 3, "2"),
        (4, 4, "31"),
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "label")
