"""The recipe of the bundled weights: the same network in PyTorch, which trains several times faster on a CPU.

It needs the optional extra `train-torch`, and for full speed a C++ compiler and a CPU with AVX-512. Run it as

    torchrun --nproc_per_node=2 -m ocrm55.training.twin OUTPUT --data DIR --apart LIST --minutes 120

and turn its result into a Paddle checkpoint with

    python -m ocrm55.training.twin.convert OUTPUT/best.pt weights.pdparams
"""
