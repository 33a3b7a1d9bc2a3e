module kopnams.lv/lab/tools/schemas

go 1.26
