/* test_damage.c -- nodes that somebody wrote who should not have: a clear error that names the node, whatever is done. */
#include "fake.h"

#include <stdio.h>
#include <string.h>

static struct fake fake;
static struct tree_cache *cache;
static struct tree *tree;
static struct err why;

static void open_tree(bool nested, unsigned columns)
{
    struct tree_store store;

    fake_init(&fake, nested);
    store = fake_store(&fake);
    CHECK_OK(aer__tree_cache_new(1 << 20, &cache, ERR));
    CHECK_OK(aer__tree_open(&store, cache, 4, columns, &tree, ERR));
}

static void close_tree(void)
{
    aer__tree_close(tree);
    aer__tree_cache_free(cache);
    fake_release(&fake);
}

static void set(const char *path, bool leaf, const char *text)
{
    fake_set(&fake, path, leaf, text, strlen(text));
}

static int count(void *arg, const struct tree_key *key, const char *id)
{
    (void)key;
    (void)id;
    ++*(uint64_t *)arg;
    return 0;
}

static int scan(bool reverse)
{
    uint64_t entries = 0;

    return aer__tree_scan(tree, false, NULL, reverse, 0, count, &entries, &why);
}

static void expect(int rc, const char *message)
{
    CHECK_INT(AER_CORRUPT, rc);
    CHECK_STR(message, why.message);
    aer__err_clear(&why);
}

/* Whatever goes over the whole tree meets the damage. */
static void expect_all(const char *message)
{
    struct tree_report report;

    expect(scan(false), message);
    expect(scan(true), message);
    expect(aer__tree_check(tree, false, &report, NULL, NULL, &why), message);
}

TEST(a_leaf_that_is_none)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "line 1: no list"},
        {"x", "line 1: no list"},
        {"{}", "line 1: no list"},
        {"[", "line 1: an entry that is no list"},
        {"[\n1]", "line 2: an entry that is no list"},
        {"[[]]", "line 1: a key is missing"},
        {"[[1]]", "line 1: an entry without an id"},
        {"[[1,\"A\"]", "line 1: the list has no end"},
        {"[[1,\"A\"],]", "line 1: an entry that is no list"},
        {"[[1,\"A\"]]]", "line 1: something behind the list"},
        {"[[1,\"A\"]]\n\nx", "line 3: something behind the list"},
        {"[[1,\"A\",\"B\"]]", "line 1: an entry with too much in it"},
        {"[[1,2]]", "line 1: a text is missing"},
        {"[[1,\"A]]", "line 1: a text without its end"},
        {"[[1,\"\"]]", "line 1: an id that is none"},
        {"[[1,\"a\"]]", "line 1: an id that is none"},
        {"[[1,\"A\\u0041\"]]", "line 1: an id that is none"},
        {"[[1,\"123456789012345678901234567890123\"]]", "line 1: an id that is none"},
        {"[[01,\"A\"]]", "line 1: a key that is no JSON"},
        {"[[-,\"A\"]]", "line 1: a key that is no JSON"},
        {"[[nul,\"A\"]]", "line 1: a key that is no JSON"},
        {"[[nullx,\"A\"]]", "line 1: an entry without an id"},
        {"[[1x,\"A\"]]", "line 1: an entry without an id"},
        {"[[1 2,\"A\"]]", "line 1: an entry without an id"},
        {"[[99999999999999999999,\"A\"]]", "line 1: a key that is no JSON"},
        {"[[1e999,\"A\"]]", "line 1: a key that is no JSON"},
        {"[[\"a,\"A\"]]", "line 1: an entry without an id"},
        {"[[\"a", "line 1: a key is missing"},
        {"[[\"a\\", "line 1: a key is missing"},
        {"[[\"\xff\",\"A\"]]", "line 1: a key that is no JSON"},
        {"[[\"\\ud800\",\"A\"]]", "line 1: a key that is no JSON"},
        {"[[\"\t\",\"A\"]]", "line 1: a key that is no JSON"},
        {"[[[1,\"A\"]]", "line 1: an entry without an id"},
        {"[[[1,{]},\"A\"]]", "line 1: a key that is no JSON"},
        {"[[{\"a\":1,\"a\":2},\"A\"]]", "line 1: a key that is no JSON"},
        {"[[2,\"A\"],\n[1,\"A\"]]", "line 2: entries out of order"},
        {"[[1,\"B\"],\n[1,\"A\"]]", "line 2: entries out of order"},
        {"[[1,\"A\"],\n[1.0,\"A\"]]", "line 2: entries out of order"},
    };

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        struct fake_key key;
        char message[200];

        open_tree(true, 1);
        set("root", true, cases[i].text);
        snprintf(message, sizeof message, "'index/root/leaf' is damaged: %s", cases[i].reason);
        expect_all(message);
        fake_key(&key, 1, "5");
        expect(aer__tree_insert(tree, &key.key, "X", &why), message);
        expect(aer__tree_remove(tree, &key.key, "X", &why), message);
        CHECK(!aer__tree_changed(tree));
        close_tree();
    }
}

TEST(an_internal_node_that_is_none)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"[]", "line 1: an entry that is no list"},
        {"[[1,\"00\"]]", "line 1: the last child has a bound"},
        {"[[1,\"00\"],[2,\"01\"]]", "line 1: the last child has a bound"},
        {"[[1,\"00\"],[null,\"01\",\"A\"]]", "line 1: entries out of order"},
        {"[[1],[null,\"01\"]]", "line 1: an entry without a child"},
        {"[[1,\"0\"],[null,\"01\"]]", "line 1: a child's name that is none"},
        {"[[1,\"..\"],[null,\"01\"]]", "line 1: a child's name that is none"},
        {"[[1,\"0/\"],[null,\"01\"]]", "line 1: a child's name that is none"},
        {"[[1,\"123456789\"],[null,\"01\"]]", "line 1: a child's name that is none"},
        {"[[1,\"00\",\"a\"],[null,\"01\"]]", "line 1: an id that is none"},
        {"[[1,\"00\",\"A\",\"A\"],[null,\"01\"]]", "line 1: an entry with too much in it"},
        {"[[1,\"00\"],\n[1,\"01\"],[null,\"02\"]]", "line 2: entries out of order"},
        {"[[1,\"00\",\"A\"],\n[1,\"01\"],[null,\"02\"]]", "line 2: entries out of order"},
        {"[[1,\"00\"],[null,\"00\"]]", "two children are called 00"},
        {"[[null,\"00\"],[1,\"01\"]]", "line 1: the last child has a bound"},
    };

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        char message[200];

        open_tree(true, 1);
        set("root", false, cases[i].text);
        snprintf(message, sizeof message, "'index/root/internal' is damaged: %s", cases[i].reason);
        expect_all(message);
        close_tree();
    }
}

TEST(keys_of_several_columns)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"[[1,\"A\"]]", "line 1: a key that is no list of columns"},
        {"[[[1],\"A\"]]", "line 1: a key with too few columns"},
        {"[[[1,2,3],\"A\"]]", "line 1: a key with too many columns"},
        {"[[[1,],\"A\"]]", "line 1: a key is missing"},
        {"[[[1,2],\"A\"],[[1,1],\"A\"]]", "line 1: entries out of order"},
    };

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        char message[200];

        open_tree(true, 2);
        set("root", true, cases[i].text);
        snprintf(message, sizeof message, "'index/root/leaf' is damaged: %s", cases[i].reason);
        expect_all(message);
        close_tree();
    }
}

TEST(white_space_is_taken_and_not_given_back)
{
    struct tree_report report;
    struct fake_key key;

    open_tree(true, 2);
    set("root", true, " [ [ [ 1 ,\r\n\t[ 1 , \"a b\" ] ] , \"A\" ]\n,[ [ 1 , { \"x\" : [ ] } ],\"B\"]\n] \n\n");
    CHECK_OK(aer__tree_check(tree, false, &report, NULL, NULL, ERR));
    CHECK_INT(2, report.entries);
    fake_key(&key, 2, "[2,3]");
    CHECK_OK(aer__tree_insert(tree, &key.key, "C", ERR));
    CHECK_OK(fake_stage(&fake, tree, ERR));
    CHECK_INT(1, fake.staged_count);
    CHECK_STR("[\n[[1,[1,\"a b\"]],\"A\"],\n[[1,{\"x\":[]}],\"B\"],\n[[2,3],\"C\"]\n]\n", (char *)fake.staged[0].text);
    close_tree();
}

TEST(a_key_of_too_many_bytes)
{
    char text[INDEX_KEY_MAX + 100];

    open_tree(true, 1);
    snprintf(text, sizeof text, "[[\"%0*d\",\"A\"]]", INDEX_KEY_MAX - 2, 0);
    set("root", true, text);
    expect_all("'index/root/leaf' is damaged: line 1: a key of more than 4096 bytes");
    close_tree();
    open_tree(true, 1);
    snprintf(text, sizeof text, "[[\"%0*d\",\"A\"]]", INDEX_KEY_MAX - 3, 0);
    set("root", true, text);
    CHECK_OK(scan(false));
    close_tree();
}

TEST(more_entries_than_any_node_has)
{
    struct buf text = {0};

    for (unsigned i = 0; i < TREE_FANOUT_MAX + 1; i++) {
        char line[40];
        snprintf(line, sizeof line, "%s\n[%u,\"A\"]", i ? "," : "[", i);
        CHECK_OK(aer__buf_append(&text, line, strlen(line)));
    }
    CHECK_OK(aer__buf_append(&text, "]", 1));
    open_tree(true, 1);
    fake_set(&fake, "root", true, text.data, text.size);
    expect_all("'index/root/leaf' is damaged: line 1026: more than 1024 entries");
    close_tree();
    aer__buf_release(&text);
}

TEST(a_child_is_missing)
{
    open_tree(true, 1);
    set("root", false, "[[1,\"00\"],[null,\"01\"]]");
    expect(scan(false), "'index/root/00/leaf' is damaged: it is missing");
    expect(scan(true), "'index/root/01/leaf' is damaged: it is missing");
    close_tree();
    open_tree(true, 1);
    expect_all("'index/root/leaf' is damaged: it is missing");
    close_tree();
}

TEST(children_that_overstep_their_bounds)
{
    open_tree(true, 1);
    set("root", false, "[[10,\"00\"],[20,\"01\",\"B\"],[null,\"02\"]]");
    set("root/00", true, "[[9,\"A\"]]");
    set("root/01", true, "[[10,\"A\"],[20,\"A\"]]");
    set("root/02", true, "[[20,\"B\"]]");
    CHECK_OK(scan(false));
    set("root/00", true, "[[10,\"A\"]]");
    aer__tree_stale(tree);
    expect_all("'index/root/00/leaf' is damaged: its last entry belongs behind it");
    set("root/00", true, "[[9,\"A\"]]");
    set("root/01", true, "[[20,\"B\"]]");
    aer__tree_stale(tree);
    expect_all("'index/root/01/leaf' is damaged: its last entry belongs behind it");
    set("root/01", true, "[[9,\"B\"]]");
    aer__tree_stale(tree);
    expect_all("'index/root/01/leaf' is damaged: its first entry belongs in front of it");
    set("root/01", true, "[[10,\"A\"]]");
    set("root/02", true, "[[20,\"A\"]]");
    aer__tree_stale(tree);
    expect_all("'index/root/02/leaf' is damaged: its first entry belongs in front of it");
    fake_remove(&fake, "root/02", true);
    set("root/02", false, "[[20,\"00\",\"B\"],[null,\"01\"]]");
    aer__tree_stale(tree);
    expect_all("'index/root/02/internal' is damaged: its first entry belongs in front of it");
    close_tree();
}

TEST(leaves_of_unequal_depth)
{
    struct fake_key key;

    open_tree(true, 1);
    set("root", false, "[[10,\"00\"],[null,\"01\"]]");
    set("root/00", true, "[[9,\"A\"]]");
    set("root/01", false, "[[20,\"00\"],[null,\"01\"]]");
    set("root/01/00", true, "[[10,\"A\"]]");
    set("root/01/01", true, "[[20,\"A\"]]");
    expect(scan(false), "'index/root/01/00/leaf' is damaged: it lies 3 levels deep, others 2");
    expect(scan(true), "'index/root/00/leaf' is damaged: it lies 2 levels deep, others 3");
    fake_key(&key, 1, "9");
    expect(aer__tree_remove(tree, &key.key, "A", &why),
           "'index/root/01/internal' is damaged: leaves and internal nodes lie beside each other");
    close_tree();
}

TEST(no_way_is_longer_than_sixteen_levels)
{
    char path[400] = "root";

    open_tree(true, 1);
    for (unsigned i = 0; i < 17; i++) {
        set(path, false, "[[null,\"00\"]]");
        snprintf(path + strlen(path), 4, "/00");
    }
    expect_all("'index/root/00/00/00/00/00/00/00/00/00/00/00/00/00/00/00/internal' is damaged: it is more than 16 "
               "levels deep");
    close_tree();
}

TEST(a_flat_tree_in_a_circle)
{
    open_tree(false, 1);
    set("root", false, "[[null,\"01\"]]");
    set("01", false, "[[null,\"01\"]]");
    expect(scan(false), "'index/01/internal' is damaged: it is more than 16 levels deep");
    close_tree();
    open_tree(false, 1);
    set("root", false, "[[5,\"01\"],[null,\"01\"]]");
    expect_all("'index/root/internal' is damaged: two children are called 01");
    close_tree();
    open_tree(false, 1); /* bounds narrow on the way down, so a node of two places has nothing in one of them */
    set("root", false, "[[5,\"01\"],[null,\"02\"]]");
    set("01", false, "[[3,\"01\"],[null,\"02\"]]");
    set("02", true, "[]");
    expect(scan(false), "'index/01/internal' is damaged: its last entry belongs behind it");
    close_tree();
}

/* Any byte of a good tree changed: an answer or an error, never a crash; and a tree that passes can be worked on. */
TEST(any_byte_may_be_another)
{
    static const char good[] = "[\n[-5,\"01\"],\n[\"ab\",\"00\",\"B2\"],\n[[1,\"x\"],\"03\"],\n[null,\"02\"]\n]\n";
    uint64_t random = test_seed();

    for (uint64_t n = fake_ops(40000); n > 0; n--) {
        char text[sizeof good];
        struct tree_report report;
        struct fake_key key;

        memcpy(text, good, sizeof good);
        for (uint64_t k = 1 + test_random(&random) % 2; k > 0; k--) {
            static const char likely[] = "\"[]{},:\\ 0A1null";
            char c = (char)(test_random(&random) % 2 ? test_random(&random) : (uint64_t)likely[test_random(&random) % 15]);
            text[test_random(&random) % (sizeof good - 1)] = c;
        }
        open_tree(true, 1);
        fake_set(&fake, "root", false, text, test_random(&random) % 8 ? sizeof good - 1 : test_random(&random) % sizeof good);
        set("root/01", true, "[[-6,\"A\"]]");
        set("root/00", true, "[[\"aa\",\"A\"],[\"ab\",\"B1\"]]");
        set("root/03", true, "[[\"ab\",\"B2\"],[\"c\",\"A\"]]");
        set("root/02", true, "[[{},\"A\"]]");
        fake_key(&key, 1, "\"aaa\"");
        if (aer__tree_check(tree, false, &report, NULL, NULL, NULL) == AER_OK) {
            CHECK_OK(aer__tree_insert(tree, &key.key, "N", ERR));
            CHECK_OK(aer__tree_remove(tree, &key.key, "N", ERR));
            CHECK_OK(scan(true));
        } else {
            aer__tree_insert(tree, &key.key, "N", NULL);
        }
        close_tree();
    }
}
