"""When curves are written."""

from types import SimpleNamespace

from mdpr.engine.hooks.metrics_writer import MetricsWriter


def test_writer_keeps_the_evaluation_of_the_last_epoch():
    written, now = [], SimpleNamespace(value=None)

    class Recorder:
        def write(self):
            written.append(now.value)

        def close(self):
            written.append("closed")

    writer = MetricsWriter(period=2)
    writer.trainer = SimpleNamespace(
        iters_per_epoch=4, max_iter=8, iter=0, build_writers=lambda: [Recorder()]
    )
    writer.before_train()
    for writer.trainer.iter in range(8):
        now.value = f"step {writer.trainer.iter + 1}"
        writer.after_step()
        if writer.trainer.iter % 4 == 3:
            now.value = f"epoch {writer.trainer.iter // 4 + 1}"
            writer.after_epoch()
    writer.after_train()
    assert written == ["step 2", "epoch 1", "step 6", "epoch 2", "closed"]
