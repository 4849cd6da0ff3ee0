"""What MLflow shows above the metrics of a comparison's run leaves room for them."""

from pipeline.tracking.comparison import describe_comparison

METRICS = {
    "fid": {"key": "fid", "short": "Fréchet distance", "digits": 1},
    "inception_score": {"key": "inception_score", "short": "classifier score", "digits": 2},
}


def test_the_description_is_the_answer_and_a_narrow_table() -> None:
    rows = [
        {"name": "Real data", "fid": 1.5749, "inception_score": 7.99123},
        {"name": "WGAN-GP (5 steps)", "fid": 115.249, "inception_score": 4.3},
        {"name": "EBGAN", "fid": None, "inception_score": None},
    ]
    answer = "SNGAN is first of 6."
    lines = describe_comparison({"answer": answer, "metrics": METRICS, "table1": rows}).splitlines()
    assert lines[0] == answer
    assert lines[2:7] == [
        "|  | Fréchet distance | classifier score |",
        "| --- | ---: | ---: |",
        "| Real data | 1.6 | 7.99 |",
        "| WGAN-GP (5 steps) | 115.2 | 4.30 |",
        "| EBGAN | – | – |",
    ]
    assert "`table1.json`" in lines[-1] and "`report/index.html`" in lines[-1]
    assert "```" not in "\n".join(lines)
