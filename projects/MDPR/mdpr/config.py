"""What this project adds to fast-reid's config: ``MODEL.MDPR``, and keys in fast-reid's own nodes."""

from typing import Any

from fastreid.config import CfgNode


def add_mdpr_config(cfg: CfgNode) -> None:
    """Add ``MODEL.MDPR``, ``TEST.MDPR``, ``SEED``, and keys of training and data, with defaults.

    Args:
        cfg: what ``fastreid.config.get_cfg()`` returns; changed in place.
    """
    cfg.MODEL.MDPR = _method_node()
    # Train and evaluate MDPR by kernels that compute the same numbers in less time (mdpr.kernels). False
    # leaves the modules as the paper has them.
    cfg.MODEL.ACCELERATE = True
    _add_training_keys(cfg.SOLVER)
    # Seed of weights, sampling and augmentation.
    cfg.SEED = 0
    # Patches that each loader process keeps to paste from, 100 or more, as fast-reid does (an ablation: what
    # is pasted then depends on the process and its history). 0 cuts each from the file of a training image.
    cfg.INPUT.RPT.STORE = 0
    cfg.TEST.MDPR = _evaluation_node()
    add_dataset_config(cfg)


def changed(cfg: CfgNode, *options: Any) -> CfgNode:
    """A frozen copy of a config with other values.

    Args:
        cfg: left as it is.
        options: ``"KEY", value, "KEY", value, ...`` with full keys.

    Raises:
        KeyError: there is no such key.
    """
    copy = cfg.clone()
    copy.defrost()
    for key, value in zip(options[::2], options[1::2], strict=True):
        node = copy
        *parents, leaf = key.split(".")
        for parent in parents:
            node = node[parent]
        if leaf not in node:
            raise KeyError(key)
        node[leaf] = value
    copy.freeze()
    return copy


def _method_node() -> CfgNode:
    node = CfgNode()
    # Width E of every embedding, in channels, > 0.
    node.EMBEDDING_DIM = 512
    # Stripes P that the hard content branch cuts the feature map into, >= 1, and no more than the
    # rows of the feature map allow (paper: 2).
    node.NUM_PARTS = 2
    # Foreground attention maps M of the soft content branch, >= 1 (paper: 2).
    node.NUM_ATTENTIONS = 2
    # Whether attention at stage 4 guides attention at stage 3.
    node.GUIDED_ATTENTION = True
    # The stages that the soft content branch looks at: [3, 4], or one of them alone ([3], [4]; an ablation,
    # which needs GUIDED_ATTENTION False).
    node.SOFT_STAGES = [3, 4]
    # The hard content branch (uniform horizontal partition).
    node.HARD_BRANCH = True
    # The soft content branch (attention). At least one branch must be on.
    node.SOFT_BRANCH = True
    # Fusion of the feature maps of both branches; needs both, and MODEL.BACKBONE.LAST_STRIDE 1.
    node.FUSION = True
    # Mutual distillation between the branches; needs both.
    node.DISTILLATION = True
    # What computes it, by its name in mdpr.LOSS_REGISTRY, as all terms below. "DistillationToHard" and
    # "DistillationToSoft" keep one of its two directions.
    node.DISTILLATION_NAME = "MutualDistillation"
    # What keeps the attention maps of a stage apart (paper: cosines of what they pooled).
    node.DIVERSITY_NAME = "DiversityLoss"
    # What keeps the foreground of a stage small (paper: the sum of its attention).
    node.AREA_NAME = "AttentionAreaLoss"
    # Further terms of the loss; the method has none.
    node.AUXILIARY_LOSSES = []
    # Weights of the auxiliary terms, >= 0. 0 switches a term off and computes nothing for it.
    node.DISTILLATION_SCALE = 1.0
    node.DIVERSITY_SCALE = 1.0
    node.AREA_SCALE = 0.001
    # Weights > 0 of the losses of single heads, name, weight, ...: ["fusion", 2.0, "hard_part_0", 0.5]. Names
    # are those of the losses without their ends (hard_global, ..., attn_bap4); heads not named have 1.
    node.LOSS_SCALES = []
    # Training keeps a few activations of stages 3 and 4 of each branch and computes the others again in
    # the backward pass: less memory, more time, the same gradients.
    node.RECOMPUTE_ACTIVATIONS = False
    # Train a short form of the test feature beside the method, whose first numbers of each of these
    # lengths, ascending, are short forms themselves. [] trains none, and changes nothing.
    node.NESTED_DIMS = []
    return node


def _add_training_keys(solver: CfgNode) -> None:
    # Number format of SOLVER.AMP: "fp16" (GPUs, with gradient scaling) or "bf16" (GPUs and CPUs).
    solver.AMP.DTYPE = "fp16"
    # Compile the network's training step with torch.compile at its first batch, a matter of minutes; losses
    # stay equal to rounding. Without a compiler a line says so, and the network runs as it is.
    solver.COMPILE = False
    # MDPR: steps over which the layers that no pretrained backbone has (all but the stem and stages 3 and 4)
    # warm up, more than WARMUP_ITERS; 0 warms them up as all others.
    solver.NEW_LAYERS_WARMUP_ITERS = 0
    # Batches of IMS_PER_BATCH images whose gradients are averaged into one step of the optimizer, >= 1.
    # Iterations, warm-up and everything else that is counted in steps count these.
    solver.ACCUMULATE = 1
    # Steps between two readings of the losses from the device, and two lines of metrics.json, >= 1.
    solver.LOG_PERIOD = 20
    # Loggers besides metrics.json and TensorBoard, by their names in mdpr.LOGGER_REGISTRY: "WandbLogger"
    # (Weights & Biases), "MLflowLogger", and those of your project.
    solver.LOGGERS = []
    # Steps with a loss or gradients that are not finite that a run may leave out, >= 0; one more, and it
    # stops.
    solver.SKIP_NONFINITE = 0
    # Exponential moving average of the weights, which is then what is evaluated.
    solver.EMA = CfgNode()
    solver.EMA.ENABLED = False
    # Share of the old average that a step keeps, in 0..1 (1 excluded); less in the first steps.
    solver.EMA.DECAY = 0.999
    # Whether MODEL.WEIGHTS takes the averaged weights of a file that has them.
    solver.EMA.LOAD = True
    # Stop after this many evaluations without a better METRIC (of the first of DATASETS.TESTS, or with
    # DATASETS.VAL_FRACTION of the identities held out); 0 trains to the last epoch.
    solver.EARLY_STOPPING = CfgNode()
    solver.EARLY_STOPPING.PATIENCE = 0
    # mAP, Rank-1, Rank-5, Rank-10 or mINP.
    solver.EARLY_STOPPING.METRIC = "mAP"
    # By how much a better one has to be better, in percentage points, >= 0.
    solver.EARLY_STOPPING.MIN_DELTA = 0.0
    # A checkpoint every N steps too, besides every SOLVER.CHECKPOINT_PERIOD epochs; 0: none.
    solver.CHECKPOINT_EVERY_ITERATIONS = 0
    # How many checkpoints of epochs and steps to keep, the newest; 0 keeps all. model_best and
    # model_final always stay.
    solver.CHECKPOINT_KEEP = 3


def _evaluation_node() -> CfgNode:
    """What an evaluation does besides fast-reid's keys in ``TEST``."""
    node = CfgNode()
    # "market1501" (also that of DukeMTMC, MSMT17 and CUHK03NP), or "cuhk03": the classic one of CUHK03,
    # galleries with one random image per person.
    node.PROTOCOL = "market1501"
    # Evaluate the deployed form of the network, with folded norms and merged convolutions: "fp32" or
    # "bf16"; "" evaluates it as it was trained.
    node.DEPLOY = ""
    # What convolutions and matrix products compute features in: "fp32", "bf16" or, on GPUs, "fp16".
    node.PRECISION = "fp32"
    # Names of the embeddings that the test feature is made of, out of hard_global, hard_part_0, ...,
    # attn_feature4, attn_feature3 and fusion; [] takes all. Training is the same.
    node.FEATURES = []
    # Test the first so many numbers of the short form, one of MODEL.MDPR.NESTED_DIMS; 0 tests the method's
    # whole feature.
    node.NESTED_DIM = 0
    # Neighbour feature centralization (NFC): every feature, of query or gallery, gets those of its mutual
    # neighbours added before anything is compared. Not the paper's.
    node.NFC = CfgNode()
    node.NFC.ENABLED = False
    # Neighbours that are looked at, >= 1.
    node.NFC.K1 = 2
    # Among how many of its own neighbours each of them has to have the image, >= 1.
    node.NFC.K2 = 2
    # Write the features and labels of every test set to OUTPUT_DIR/<DataSet>_features.npz, the file that
    # scripts/evaluate_features.py reads.
    node.SAVE_FEATURES = False
    # Write every query's AP and its nearest gallery images to OUTPUT_DIR/<DataSet>_rankings.npz, and with
    # re-ranking to <DataSet>+rerank_rankings.npz as well.
    node.SAVE_RANKINGS = False
    # How many gallery images of each query SAVE_RANKINGS keeps, >= 1.
    node.RANKING_LENGTH = 50
    return node


def add_dataset_config(cfg: CfgNode) -> None:
    """Add the data sets' keys with their defaults, and those of reading images."""
    # Share of the identities of every set in NAMES that training leaves out, >= 0 and < 1, to choose by: they
    # are tested as <DataSet>-val, and early stopping and model_best go by the first of these.
    cfg.DATASETS.VAL_FRACTION = 0.0

    cfg.DATASETS.MARKET1501 = CfgNode()
    # Add the 500,000 distractors (folder images/) to the gallery.
    cfg.DATASETS.MARKET1501.WITH_500K = False

    cfg.DATASETS.MSMT17 = CfgNode()
    # "V1" (MSMT17_V1/), or "V2" (MSMT17_V2/), the release with blurred faces.
    cfg.DATASETS.MSMT17.VERSION = "V1"
    # Train on list_val.txt too: 32,621 images instead of the 30,248 of list_train.txt.
    cfg.DATASETS.MSMT17.WITH_VALIDATION = False

    cfg.DATASETS.CUHK03NP = CfgNode()
    # How the boxes were made: "detected", or "labeled" (by hand).
    cfg.DATASETS.CUHK03NP.BOXES = "detected"

    cfg.DATASETS.SYNERGYREID = CfgNode()
    # Take query and gallery from the challenge set, which has no identities and so no score.
    cfg.DATASETS.SYNERGYREID.CHALLENGE = False

    cfg.DATASETS.IMAGE_FOLDER = CfgNode()
    # ImageFolderReID: the folder of the set; a relative one starts at $FASTREID_DATASETS.
    cfg.DATASETS.IMAGE_FOLDER.PATH = ""
    # ImageFolderReID: a CSV file in that folder (path,person,camera,split); "" reads the folders
    # train/, query/ and gallery/.
    cfg.DATASETS.IMAGE_FOLDER.CSV = ""

    # An unreadable image in training: False stops with its path; True replaces it by another image of
    # the same identity and logs it. Evaluation always stops.
    cfg.DATALOADER.SKIP_BROKEN_IMAGES = False
