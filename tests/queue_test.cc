#include "monitor/queue.h"

#include "tests/catch.h"

TEST_CASE("a closed queue has not ended while it holds a value", "[queue]") {
  Queue<int> queue(2);
  CHECK_FALSE(queue.Pop(std::chrono::milliseconds(0)).has_value());  // the consumer was too early
  CHECK(queue.Push(1));
  queue.Close();
  CHECK_FALSE(queue.ended());
  CHECK(queue.Pop() == 1);
  CHECK(queue.ended());
}

TEST_CASE("an empty queue has not ended before it is closed", "[queue]") {
  Queue<int> queue(2);
  CHECK_FALSE(queue.ended());
  queue.Close();
  CHECK(queue.ended());
  CHECK_FALSE(queue.Push(1));
}
