module kopnams.lv/lab/tools/pause

go 1.26.0
