"""Where things lie that more than one part of the picture refers to, and their colours."""

from mdpr.visualization.geometry import Rect, Tint

WIDTH, HEIGHT = 900, 868

# Middle of the row of each embedding.
ROW_FIRST_PART, ROW_LAST_PART, ROW_GLOBAL = 70, 118, 182
ROW_FUSION = 312
ROW_MAP4, ROW_MAP3 = 440, 494
ROW_POOLED4, ROW_POOLED3 = 592, 684

# Left to right: what the stem gives, embedding maps, the fusion's input, heads, the test feature.
STEM_BUS = 116
MAPS, NAMES = 388, 415
PARTS_BUS, FUSION_BUS = 432, 500
FUSION_TOP, FUSION_BOTTOM = 272, 364
HEADS = Rect(626, 0, 114, 40)
TEST_BUS = 754

HARD_PANEL = Rect(126, 12, 474, 204)
FUSION_PANEL = Rect(392, 228, 208, 146)
LEGEND_PANEL = Rect(126, 228, 254, 146)
SOFT_PANEL = Rect(126, 386, 474, 356)
ATTENTION_PANEL = Rect(242, 530, 352, 204)
DISTILLATION_PANEL = Rect(770, 122, 122, 346)

SHARED = Tint(panel="#f6f6f7", fill="#dedee2", edge="#6b6b73")
HARD = Tint(panel="#fdf4e8", fill="#f7d6a8", edge="#b86b1c")
SOFT = Tint(panel="#eef4fb", fill="#bfd8f0", edge="#2f6aa3")
FUSION = Tint(panel="#edf7ee", fill="#bfe3c4", edge="#38834a")
DISTILLATION = Tint(panel="#f6f1fa", fill="#dccdea", edge="#74509b")
LOSS = "#a82a4f"
