// A Parquet footer is the struct FileMetaData in Thrift's compact protocol. Source:
// https://github.com/apache/parquet-format, Encryption.md and src/main/thrift/parquet.thrift, of
// which these fields are read:
//
//   FileMetaData    2 schema: list<SchemaElement>, 3 num_rows: i64, 4 row_groups: list<RowGroup>,
//                   8 encryption_algorithm (present: 28 bytes of signature follow the struct)
//   SchemaElement   5 num_children: i32 (absent or 0: a leaf; the first element is the root)
//   RowGroup        1 columns: list<ColumnChunk>, a chunk for each leaf, 3 num_rows: i64
//   ColumnChunk     1 file_path: string (its data are in another file), 3 meta_data:
//   ColumnMetaData,
//                   8 crypto_metadata (present: meta_data may be absent, for it is encrypted)
//   ColumnMetaData  5 num_values: i64 (nulls and empty lists included: at least one a row),
//                   7 total_compressed_size: i64, 9 data_page_offset: i64,
//                   11 dictionary_page_offset: i64 (absent or 0: none)
//
// libthrift's protocol is read field by field, without classes generated from an IDL: these would
// keep all of a footer in memory, several times its size, for a handful of numbers. Its limits on
// strings, containers and nesting are set; its exceptions do not leave this file.
#include "collectors/files/parquet_footer.h"

#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TVirtualTransport.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "collectors/log_stream.h"

namespace {

using namespace apache::thrift;             // NOLINT(google-build-using-namespace): many names
using namespace apache::thrift::protocol;   // NOLINT(google-build-using-namespace): of one
using namespace apache::thrift::transport;  // NOLINT(google-build-using-namespace): library

constexpr int64_t kMagicSize = 4;
constexpr int32_t kLongestString = 8 << 20;     // statistics, and schemas of other systems
constexpr int32_t kLargestContainer = 1 << 20;  // row groups, columns
constexpr int kDeepestNesting = 32;
constexpr uint32_t kBlock = 64 << 10;
constexpr int64_t kSignatureSize = 28;

std::string Said(int64_t number) { return std::to_string(number); }

// Ends the reading of a footer, through the library; caught at the end of this file.
struct Refusal {
  std::string problem;
};
[[noreturn]] void Refuse(std::string problem) { throw Refusal{std::move(problem)}; }

// The footer's bytes, read from the file piece by piece.
class FooterBytes final : public TVirtualTransport<FooterBytes> {
 public:
  FooterBytes(int fd, int64_t begin, int64_t end, ReadPace& pace,
              const std::shared_ptr<TConfiguration>& limits)
      : TVirtualTransport(limits), fd_(fd), at_(begin), end_(end), pace_(pace) {}
  bool isOpen() const override { return true; }
  uint32_t read(uint8_t* into, uint32_t size) {
    size = static_cast<uint32_t>(std::min<int64_t>(size, end_ - at_));
    if (size == 0) return 0;
    if (!pace_.Take(size)) Refuse(std::string(kStopped));
    const ssize_t got = pread(fd_, into, size, at_);
    if (got < 0) Refuse(std::string(WhyNotRead(StreamStatus::kFailed, errno)));
    if (got == 0) Refuse("became shorter while it was counted");
    at_ += got;
    return static_cast<uint32_t>(got);
  }

 private:
  const int fd_;
  int64_t at_;
  const int64_t end_;
  ReadPace& pace_;
};
using Protocol = TCompactProtocolT<TBufferedTransport>;

// What the fields of one struct said; a required one that did not come is refused.
using Number = std::optional<int64_t>;
int64_t Required(const Number& number, const char* name) {
  if (!number) Refuse(std::string("has a footer without ") + name);
  return *number;
}

class Footer {
 public:
  Footer(Protocol& protocol, int64_t begin) : protocol_(protocol), begin_(begin) {}

  // The rows of the file.
  int64_t Read() {
    Number rows;
    ReadStruct([&](int16_t field, TType type) {
      if (field == 2) return ReadList(type, schema_, [&] { ReadSchemaElement(); });
      if (field == 3) return ReadNumber(type, rows, "num_rows");
      if (field == 4) return ReadList(type, groups_, [&] { ReadRowGroup(); });
      if (field == 8) signed_ = true;
      return false;
    });
    Required(schema_, "schema");
    Required(groups_, "row_groups");
    if (Required(rows, "num_rows") != rows_) {
      Refuse("has a footer that says " + Said(*rows) + " rows and row groups of " + Said(rows_));
    }
    if (*groups_ > 0 && columns_ != leaves_) {
      Refuse("has row groups of " + Said(*columns_) + " columns and a schema of " + Said(leaves_));
    }
    return rows_;
  }
  bool has_signature() const { return signed_; }

 private:
  // `take` is called for each field and says whether it read it.
  template <class Take>
  void ReadStruct(Take take) {
    const TInputRecursionTracker depth(protocol_);
    std::string unused;
    protocol_.readStructBegin(unused);
    for (;;) {
      TType type = T_STOP;
      int16_t field = 0;
      protocol_.readFieldBegin(unused, type, field);
      if (type == T_STOP) break;
      if (!take(field, type)) skip(protocol_, type);
    }
    protocol_.readStructEnd();
  }

  template <class ReadElement>
  bool ReadList(TType type, Number& size, ReadElement read) {
    TType element = T_STOP;
    uint32_t count = 0;
    if (type != T_LIST || size) Refuse("has a footer whose lists are not what they should be");
    protocol_.readListBegin(element, count);
    // An empty list need not tell what it is of.
    if (count > 0 && element != T_STRUCT) Refuse("has a footer whose lists are of another type");
    size = count;
    for (; count > 0; --count) read();
    return true;
  }

  bool ReadNumber(TType type, Number& number, const char* name) {
    if (type != T_I64) Refuse(std::string("has a footer with a ") + name + " of another type");
    if (number) Refuse(std::string("has a footer with two ") + name);
    int64_t value = 0;
    protocol_.readI64(value);
    if (value < 0) Refuse(std::string("has a footer with a negative ") + name);
    number = value;
    return true;
  }

  void ReadSchemaElement() {
    int32_t children = 0;
    ReadStruct([&](int16_t field, TType type) {
      if (field != 5 || type != T_I32) return false;
      protocol_.readI32(children);
      return true;
    });
    if (!root_) {
      root_ = true;
      return;
    }
    if (children == 0) ++leaves_;
  }

  void ReadRowGroup() {
    Number rows, columns;
    fewest_values_.reset();
    ReadStruct([&](int16_t field, TType type) {
      if (field == 1) return ReadList(type, columns, [&] { ReadColumnChunk(); });
      if (field == 3) return ReadNumber(type, rows, "num_rows of a row group");
      return false;
    });
    if (columns_.value_or(Required(columns, "columns")) != *columns) {
      Refuse("has row groups of different numbers of columns");
    }
    columns_ = columns;
    if (__builtin_add_overflow(rows_, Required(rows, "num_rows of a row group"), &rows_) ||
        rows_ > kMaxCount) {
      Refuse("has row groups of more rows than there can be");
    }
    if (fewest_values_.value_or(*rows) < *rows) {
      Refuse("has a row group of " + Said(*rows) + " rows and a column in it of " +
             Said(*fewest_values_) + " values");
    }
  }

  void ReadColumnChunk() {
    bool described = false, encrypted = false;
    ReadStruct([&](int16_t field, TType type) {
      if (field == 1) Refuse("has its rows in other files");
      if (field == 8) encrypted = true;
      if (field != 3) return false;
      if (type != T_STRUCT || described) Refuse("has a footer with a meta_data of another type");
      described = true;
      ReadColumnMetaData();
      return true;
    });
    if (!described && !encrypted) Refuse("has a footer without meta_data of a column");
  }

  void ReadColumnMetaData() {
    Number values, size, data, dictionary;
    ReadStruct([&](int16_t field, TType type) {
      if (field == 5) return ReadNumber(type, values, "num_values");
      if (field == 7) return ReadNumber(type, size, "total_compressed_size");
      if (field == 9) return ReadNumber(type, data, "data_page_offset");
      if (field == 11) return ReadNumber(type, dictionary, "dictionary_page_offset");
      return false;
    });
    fewest_values_ = std::min(fewest_values_.value_or(kMaxCount), Required(values, "num_values"));
    int64_t begin = Required(data, "data_page_offset");
    if (dictionary.value_or(0) > 0) begin = std::min(begin, *dictionary);
    // A chunk without values may be nowhere.
    if (Required(size, "total_compressed_size") == 0 && *values == 0) return;
    if (begin < kMagicSize || *size > begin_ - begin) {
      Refuse("has a column chunk that is not between its beginning and its footer");
    }
  }

  Protocol& protocol_;
  const int64_t begin_;
  Number schema_, groups_, columns_;  // how many
  bool root_ = false, signed_ = false;
  int64_t leaves_ = 0;
  int64_t rows_ = 0;      // of the row groups
  Number fewest_values_;  // of a column of this row group
};

// How many bytes are left, counted up to one more than is of interest.
int64_t BytesLeft(TBufferedTransport& bytes) {
  std::array<uint8_t, kSignatureSize + 1> rest;
  int64_t size = 0;
  while (size < static_cast<int64_t>(rest.size()) && bytes.peek()) {
    size += bytes.read(rest.data(), 1);
  }
  return size;
}

RowCount ReadFooter(int fd, int64_t begin, int64_t end, ReadPace& pace) {
  const int size = static_cast<int>(end - begin);
  const auto limits = std::make_shared<TConfiguration>(size, size, kDeepestNesting);
  const auto bytes = std::make_shared<TBufferedTransport>(
      std::make_shared<FooterBytes>(fd, begin, end, pace, limits), kBlock, limits);
  Protocol protocol(bytes, kLongestString, kLargestContainer);
  Footer footer(protocol, begin);
  const int64_t rows = footer.Read();
  if (BytesLeft(*bytes) != (footer.has_signature() ? kSignatureSize : 0)) {
    return {.problem = "has a footer that is shorter than it says"};
  }
  return {rows, ""};
}

std::string WhyDamaged(TProtocolException::TProtocolExceptionType type) {
  switch (type) {
    case TProtocolException::SIZE_LIMIT:
      return "has a footer with a text of more than 8 MiB or a list of over a million";
    case TProtocolException::DEPTH_LIMIT:
      return "has a footer that is nested too deep";
    default:
      return "has a damaged footer";
  }
}

}  // namespace

RowCount CountFooterRows(int fd, int64_t begin, int64_t end, ReadPace& pace) {
  try {
    return ReadFooter(fd, begin, end, pace);
  } catch (const Refusal& refusal) {
    return {.problem = refusal.problem};
  } catch (const TTransportException&) {
    return {.problem = "has a footer that ends too early"};
  } catch (const TProtocolException& error) {
    return {.problem = WhyDamaged(error.getType())};
  } catch (const std::exception&) {  // the library's others, and no memory
    return {.problem = WhyDamaged(TProtocolException::UNKNOWN)};
  }
}
