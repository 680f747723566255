"""The Visualizer that a script finds under the name of fast-reid's."""

from fastreid.utils.visualizer import Visualizer


class ScriptVisualizer(Visualizer):
    """Takes a number as the word that the command line has for it."""

    def save_rank_result(self, query_indices, output, max_rank=5, *others, **named):
        super().save_rank_result(query_indices, output, int(max_rank), *others, **named)
