"""What it takes to leave a run at one step and to enter it again at the same.

Which object holds which state, and where it is in a checkpoint (`run_checkpoints`, and what
`Trainer.checkpointables` names):

=====================================  ==================================  ================================
state                                  object                              key in the checkpoint
=====================================  ==================================  ================================
weights, statistics of the norms       ``trainer.model``                   ``model``
moments of the optimizer               ``trainer.optimizer``               ``optimizer``
learning rate                          ``trainer.scheduler``               ``lr_sched``, ``warmup_sched``
factor of float16 gradients            ``trainer.grad_scaler``             ``scaler``
averaged weights                       ``trainer.step.averaged``           ``ema``
place in the row of training images    ``trainer.data_loader``             ``loader``
steps left out as not finite           ``trainer.step.guard``              ``nonfinite``
best metric, and its epoch             ``trainer.checkpoint_hook``         ``best``
scores so far, for early stopping      ``trainer.evaluations``             ``evaluations``
epochs and steps that are done         ``trainer.epoch``, ``.iter``        ``epoch``, ``iteration``
random generators of every process     Python, NumPy and PyTorch           ``random`` (`random_state`)
losses not read yet, of every process  ``trainer.step.scalars``            ``unread_scalars``
last values of every logged scalar     ``trainer.storage``                 ``history`` (`metrics_history`)
seed, batch size, sampler, processes   the config                          ``run`` (`run_shape`; to compare)
=====================================  ==================================  ================================

Curves on the disk are cut back to the step that is resumed (`metrics_history`). `resume_points` says which
checkpoint is gone on from and which ones stay, `signals` when a run is left, and `output_dir` sets aside the
files of a run that is not gone on from. Whoever adds an object with a state adds it to
`Trainer.checkpointables`.
"""
