#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>

// An allocator for large tables that are read at random: asks for pages of 2 MiB, since with small
// ones nearly every access also misses the processor's cache of page addresses. Small allocations
// are ordinary ones. Stateless; any thread.
template <typename T>
struct HugePages {
  using value_type = T;

  HugePages() = default;
  template <typename U>
  explicit HugePages(const HugePages<U>&) {}

  T* allocate(size_t count) {
    const size_t size = count * sizeof(T);
    if (size < kPage) return static_cast<T*>(::operator new(size));
    void* memory = std::aligned_alloc(kPage, (size + kPage - 1) / kPage * kPage);
    if (!memory) throw std::bad_alloc();
    madvise(memory, size, MADV_HUGEPAGE);  // a wish: small pages work, too
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    if (count * sizeof(T) < kPage) return ::operator delete(memory);
    std::free(memory);
  }
  bool operator==(const HugePages&) const { return true; }

 private:
  static constexpr size_t kPage = 2 << 20;
};
