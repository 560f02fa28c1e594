"""near_duplicates.csv as a report reads it. Uses only a temporary folder."""

from acquisition.splits.near_duplicates_file import NEAR, read_sets


def test_sets_come_in_the_order_of_the_file(tmp_path):
    (tmp_path / NEAR).write_text("set,split,class,file,id\n2,train,a,x.png,i1\n1,test,b,y.png,i2\n2,train,a,z.png,i3\n")
    assert read_sets(tmp_path / NEAR) == [("i1", "i3"), ("i2",)]


def test_without_the_file_there_are_none(tmp_path):
    assert read_sets(tmp_path / NEAR) == []
