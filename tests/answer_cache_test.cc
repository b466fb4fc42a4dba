#include "dashboards/answer_cache.h"

#include "tests/catch.h"

TEST_CASE("an answer is found by its question", "[answer_cache]") {
  AnswerCache cache(1000);
  CHECK_FALSE(cache.Find("a"));
  cache.Keep("a", "first");
  cache.Keep("a", "second");
  CHECK(cache.Find("a") == "first");
  CHECK_FALSE(cache.Find("b"));
}

TEST_CASE("what was used longest ago makes room", "[answer_cache]") {
  AnswerCache cache(1000);
  const std::string large(200, 'x');
  for (const char* question : {"a", "b", "c", "d"}) cache.Keep(question, large);
  CHECK(cache.Find("a"));
  cache.Keep("e", large);
  CHECK(cache.Find("a"));
  CHECK_FALSE(cache.Find("b"));
  CHECK(cache.Find("e"));
}

TEST_CASE("an answer that would empty the cache is not kept", "[answer_cache]") {
  AnswerCache cache(1000);
  cache.Keep("a", "small");
  cache.Keep("b", std::string(900, 'x'));
  CHECK_FALSE(cache.Find("b"));
  CHECK(cache.Find("a"));
}
