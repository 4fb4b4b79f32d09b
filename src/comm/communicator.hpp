#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/index.hpp"
#include "comm/traffic.hpp"

namespace breakeven {

/// What can travel. The templates below are instantiated for these in communicator.cpp, the only file with Boost.MPI.
template <class T>
concept Transferable = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::uint64_t> || std::same_as<T, Index>;

enum class Reduction { sum, maximum, minimum };

/// A ring shift under way. Must be waited for before its buffers are touched or the object is destroyed.
class PendingShift {
 public:
  PendingShift();
  PendingShift(PendingShift&&) noexcept;
  PendingShift& operator=(PendingShift&&) noexcept;
  ~PendingShift();  ///< waits if nobody has

  /// Lets MPI make progress; call between tiles of a long computation. Local, does not block.
  void progress();
  /// Blocks until the arriving block is whole and the sent one may be overwritten.
  void wait();

 private:
  friend class Communicator;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A group of ranks. Spans in, values out; every call is one message, counted where it is issued, at P = 1 too.
/// All member functions below the accessors are collective: every rank calls them, in the same order. Payloads longer
/// than MPI's 32-bit counts travel in chunks. Copies share the counters. An MPI error ends the job (MPI_Abort).
class Communicator {
 public:
  /// The communicator of all ranks; MPI must be initialised (run_main does).
  static Communicator world();

  int rank() const;
  int size() const;
  bool is_root() const { return rank() == 0; }
  const Traffic& traffic() const;

  /// Elementwise over ranks, result on all of them. Bytes: values.size_bytes().
  template <Transferable T>
  void all_reduce(std::span<T> values, Reduction reduction = Reduction::sum) const;
  template <Transferable T>
  T all_reduce(T value, Reduction reduction = Reduction::sum) const {
    all_reduce(std::span<T>(&value, 1), reduction);
    return value;
  }

  /// Sum over the ranks before this one; zeros on rank 0. Bytes: values.size_bytes().
  template <Transferable T>
  void exclusive_scan(std::span<T> values) const;

  /// Blocks of all ranks, one after the other; lengths[r] elements come from rank r. Bytes: mine.size_bytes().
  template <Transferable T>
  void all_gather(std::span<const T> mine, std::span<const Index> lengths, std::span<T> all) const;

  /// Root's values on every rank. Bytes: values.size_bytes() on the root, 0 elsewhere.
  template <Transferable T>
  void broadcast(std::span<T> values, int root = 0) const;

  /// Folds the ranks' blocks, all of one size, along a tree and leaves the result on every rank, bit for bit the same:
  ///   before   rank 0: A   rank 1: B   rank 2: C   rank 3: D
  ///   after    everywhere fold(fold(A, B), fold(C, D))
  /// `fold(lower, higher)` writes its result into `lower`, which comes from lower ranks; it is local and may not fail.
  /// Bytes: mine.size_bytes(); on the wire log2(P) blocks up the tree and as many down.
  template <Transferable T>
  void combine(std::span<T> mine, const std::function<void(std::span<T> lower, std::span<const T> higher)>& fold) const;

  ///   before   rank 0: A   rank 1: B   rank 2: C
  ///   after    rank 0: B   rank 1: C   rank 2: A
  /// `sending` goes to rank - 1, rank + 1's block arrives in `arriving`, whose size is that of the block to come (0 is
  /// fine). Bytes: sending.size_bytes(). The two spans must not overlap.
  template <Transferable T>
  void ring_shift(std::span<const T> sending, std::span<T> arriving) const;
  /// The same, while the caller computes on `sending`.
  template <Transferable T>
  [[nodiscard]] PendingShift start_ring_shift(std::span<const T> sending, std::span<T> arriving) const;

  // Uncounted: bookkeeping of the harness, never called by a method inside run().
  void barrier() const;
  std::string broadcast_text(const std::string& text, int root = 0) const;
  std::vector<std::string> gather_texts(const std::string& text) const;  ///< in rank order, on every rank
  template <Transferable T>
  std::vector<T> gather(T value) const;  ///< in rank order, on every rank

  /// The first `ranks` ranks as a communicator of their own; empty on the others. Its counters start at zero.
  std::optional<Communicator> first(int ranks) const;
  /// The ranks that name the same colour, in their order here: a row or a column of a grid of ranks. Its calls are
  /// counted on this communicator too, whose counters it shares.
  Communicator split(int colour) const;
  /// The same ranks with counters and message space of their own, so that bookkeeping cannot mix with a method's calls.
  Communicator duplicate() const;
  /// The same ranks, chunks of at most `elements`: makes the chunked paths testable on small data.
  Communicator with_chunk(Index elements) const;

  /// Ends the whole job; never returns.
  [[noreturn]] void abort(int exit_code) const;

 private:
  friend class PendingShift;
  friend class LocalPhase;
  friend class Agreement;
  struct Impl;
  explicit Communicator(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace breakeven
