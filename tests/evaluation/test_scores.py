import torch

from dcac_fastreid.evaluation import scores


def test_scores_of_single_queries_are_those_of_the_mean():
    """By hand: the first query's match is nearest, the second's comes second, the third has none and is left out."""
    towards = torch.tensor([1.0, 0.9, 0.8])  # cosines to the gallery, apart from the second query's
    features = torch.stack(
        [*torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), *torch.stack([towards, (1 - towards**2).sqrt()], 1)]
    )
    pids = torch.tensor([1, 2, 9, 1, 2, 3])  # to the second query the gallery is ordered 3, 2, 1
    camids = torch.tensor([0, 0, 0, 1, 1, 1])
    of_queries = {}
    results = scores(features, pids, camids, 3, metric="cosine", of_queries=of_queries)
    assert of_queries["AP"].tolist() == [100, 50] and of_queries["Rank-1"].tolist() == [100, 0]
    assert of_queries["person"].tolist() == [1, 2]
    assert (results["mAP"], results["Rank-1"]) == (75, 50)
    assert scores(features, pids, camids, 3, metric="cosine") == results
