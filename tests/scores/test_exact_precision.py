import torch

from stages.scores.exact_precision import exact_float32

CUDA = torch.device("cuda")


def read_flags() -> tuple[bool, ...]:
    cudnn = torch.backends.cudnn
    return (torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)


def test_the_process_s_flags_are_set_until_the_last_of_several_threads_leaves_and_then_restored() -> None:
    before = read_flags()
    torch.backends.cudnn.allow_tf32 = True
    try:
        first, second = exact_float32(CUDA), exact_float32(CUDA)
        first.__enter__()
        second.__enter__()
        assert read_flags() == (False, False, False, True)
        first.__exit__(None, None, None)
        assert read_flags() == (False, False, False, True)
        second.__exit__(None, None, None)
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before[1]
    assert read_flags() == before


def test_a_cpu_has_no_such_flags() -> None:
    before = read_flags()
    with exact_float32(torch.device("cpu")):
        assert read_flags() == before
