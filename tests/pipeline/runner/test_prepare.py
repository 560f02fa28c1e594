"""Before the DAG: free space. Builds no pipeline."""

from pipeline.runner import prepare


def test_free_space_is_measured_where_the_workspace_will_be(tmp_path):
    assert prepare.existing_parent(tmp_path / "not" / "yet" / "there") == tmp_path
