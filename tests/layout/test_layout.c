/* test_layout.c -- tests src/layout/layout.c. */
#include "layout/layout.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

TEST(a_new_id_is_16_lower_case_hex_digits_and_never_the_same)
{
    char ids[64][LAYOUT_ID_SIZE];
    int i, j;

    for (i = 0; i < 64; i++) {
        CHECK_OK(aer__layout_new_id(ids[i], ERR));
        CHECK(aer__layout_id_ok(ids[i]));
        for (j = 0; j < i; j++) CHECK(strcmp(ids[i], ids[j]) != 0);
    }
}

TEST(only_ids_are_ids)
{
    static const char *const bad[] = {"",
                                      "28dd1a21d3fdabf",
                                      "28dd1a21d3fdabf77",
                                      "28DD1A21D3FDABF7",
                                      "28dd1a21d3fdabg7",
                                      "../../etc/passwd",
                                      "28/d1a21d3fdabf7",
                                      " 8dd1a21d3fdabf7",
                                      "28dd1a21d3fdabf\n"};
    size_t i;

    CHECK(aer__layout_id_ok("28dd1a21d3fdabf7"));
    CHECK(!aer__layout_id_ok(NULL));
    for (i = 0; i < AER_COUNT(bad); i++) CHECK(!aer__layout_id_ok(bad[i]));
}

TEST(an_id_becomes_a_path_and_columns_and_comes_back)
{
    char path[LAYOUT_PATH_SIZE], id[LAYOUT_ID_SIZE], dir[6], file[17];

    aer__layout_bucket_path(path, "28dd1a21d3fdabf7");
    CHECK_STR("bucketroot/28/dd/1a21d3fdabf7.sq3", path);
    aer__layout_bucket_columns(dir, file, "28dd1a21d3fdabf7");
    CHECK_STR("28/dd", dir);
    CHECK_STR("1a21d3fdabf7.sq3", file);
    CHECK(aer__layout_bucket_parse(id, dir, file));
    CHECK_STR("28dd1a21d3fdabf7", id);
    aer__layout_quarantine_path(path, "28dd1a21d3fdabf7", 0);
    CHECK_STR("quarantine/28dd1a21d3fdabf7.sq3", path);
    CHECK_STR("bucketroot/active-0.sq3", aer__layout_active(0));
    CHECK_STR("bucketroot/active-1.sq3", aer__layout_active(1));
}

TEST(columns_of_another_form_are_refused)
{
    static const struct {
        const char *dir, *file;
    } bad[] = {
        {"28/dd", "1a21d3fdabf7.sq"},     {"28/dd", "1a21d3fdabf7.sq3x"},
        {"28/dd", "1a21d3fdabf7.SQ3"},    {"28/dd", "1A21d3fdabf7.sq3"},
        {"28/d", "1a21d3fdabf7.sq3"},     {"28/ddd", "1a21d3fdabf7.sq3"},
        {"28-dd", "1a21d3fdabf7.sq3"},    {"../..", "1a21d3fdabf7.sq3"},
        {"28/d.", "1a21d3fdabf7.sq3"},    {"28/dd", "../../x/abcd.sq3"},
        {"", "1a21d3fdabf7.sq3"},         {"28/dd", ""},
        {NULL, "1a21d3fdabf7.sq3"},       {"28/dd", NULL},
        {"28/dd", "1a21d3fdabf7-sq3"},    {"28/dd/", "1a21d3fdabf7.sq3"},
        {"2\xff/dd", "1a21d3fdabf7.sq3"},
    };
    char id[LAYOUT_ID_SIZE];
    size_t i;

    for (i = 0; i < AER_COUNT(bad); i++) {
        CHECK(!aer__layout_bucket_parse(id, bad[i].dir, bad[i].file));
        CHECK_STR("", id);
    }
}

TEST(a_path_gives_its_id_back)
{
    static const char *const bad[] = {
        "",
        "bucketroot",
        "bucketroot/",
        "bucketroot/28/dd",
        "bucketroot/28/dd/",
        "bucketroot/28/dd/1a21d3fdabf7.sq3x",
        "bucketroot/28/dd/1a21d3fdabf7.sq3-wal",
        "bucketroot/28/dd/x/1a21d3fdabf7.sq3",
        "bucketroot/28dd1a21d3fdabf7.sq3",
        "bucketroot/active-0.sq3",
        "bucketroot//28/dd/1a21d3fdabf7.sq3",
        "/bucketroot/28/dd/1a21d3fdabf7.sq3",
        "quarantine/28/dd/1a21d3fdabf7.sq3",
        "28/dd/1a21d3fdabf7.sq3",
    };
    char id[LAYOUT_ID_SIZE];
    size_t i;

    CHECK(aer__layout_path_parse(id, "bucketroot/28/dd/1a21d3fdabf7.sq3"));
    CHECK_STR("28dd1a21d3fdabf7", id);
    CHECK(!aer__layout_path_parse(id, NULL));
    for (i = 0; i < AER_COUNT(bad); i++) {
        CHECK(!aer__layout_path_parse(id, bad[i]));
        CHECK_STR("", id);
    }
}

TEST(every_path_fits)
{
    CHECK(strlen(aer__layout_active(1)) + sizeof "-journal" < LAYOUT_PATH_SIZE);
    CHECK(strlen("bucketroot/28/dd/1a21d3fdabf7.sq3") < LAYOUT_PATH_SIZE);
}
