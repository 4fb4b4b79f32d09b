#include "comm/communicator.hpp"

#include <algorithm>
#include <boost/mpi/collectives.hpp>
#include <boost/mpi/communicator.hpp>
#include <boost/mpi/datatype.hpp>
#include <boost/mpi/exception.hpp>
#include <limits>
#include <stdexcept>

#include "base/stopwatch.hpp"
#include "comm/local_phase.hpp"

namespace breakeven {
namespace {

constexpr int ring_tag = 71;
constexpr int combine_tag = 72;

void check(int status, const char* call) {
  if (status != MPI_SUCCESS) throw boost::mpi::exception(call, status);
}

MPI_Op mpi_op(Reduction reduction) {
  switch (reduction) {
    case Reduction::maximum:
      return MPI_MAX;
    case Reduction::minimum:
      return MPI_MIN;
    default:
      return MPI_SUM;
  }
}

template <class T>
MPI_Datatype datatype() {
  return boost::mpi::get_mpi_datatype<T>(T{});
}

}  // namespace

struct Communicator::Impl {
  boost::mpi::communicator comm;
  Index chunk = std::numeric_limits<int>::max() / 2;                  // elements a message; MPI counts are 32-bit
  std::shared_ptr<Traffic> traffic = std::make_shared<Traffic>();     // shared with the parts of a split
  std::shared_ptr<bool> local_phase = std::make_shared<bool>(false);  // shared by all communicators of a process

  void refuse_in_local_phase() const {
    if (*local_phase) throw std::logic_error("communication inside agree(): its body must be local");
  }

  /// Counts one call, times it, and runs `call(offset, count)` for each chunk of `elements`, none longer than
  /// `longest`.
  template <class Call>
  void chunked(Operation operation, Index elements, Index bytes, const Call& call,
               Index longest = std::numeric_limits<Index>::max()) const {
    refuse_in_local_phase();
    const Stopwatch watch;
    const Index step = std::min(chunk, longest);
    for (Index offset = 0; offset < elements; offset += step)
      call(offset, static_cast<int>(std::min(step, elements - offset)));
    count(operation, bytes, watch.seconds());
  }

  void count(Operation operation, Index bytes, double seconds) const {
    Traffic::Entry& entry = traffic->entries[static_cast<std::size_t>(operation)];
    entry.calls += 1;
    entry.bytes += bytes;
    entry.seconds += seconds;
  }
};

struct PendingShift::Impl {
  std::vector<MPI_Request> requests;
  Traffic::Entry* entry = nullptr;
  std::shared_ptr<Communicator::Impl> keeps_alive;
  bool waited = false;
};

PendingShift::PendingShift() = default;
PendingShift::PendingShift(PendingShift&&) noexcept = default;
PendingShift& PendingShift::operator=(PendingShift&&) noexcept = default;

PendingShift::~PendingShift() {
  // While an exception unwinds the job is about to be aborted; waiting for a partner then could hang.
  if (impl_ && !impl_->waited && std::uncaught_exceptions() == 0) wait();
}

void PendingShift::progress() {
  if (!impl_ || impl_->waited || impl_->requests.empty()) return;
  const Stopwatch watch;
  int done = 0;
  check(MPI_Testall(static_cast<int>(impl_->requests.size()), impl_->requests.data(), &done, MPI_STATUSES_IGNORE),
        "MPI_Testall");
  impl_->entry->seconds += watch.seconds();
}

void PendingShift::wait() {
  if (!impl_ || impl_->waited) return;
  const Stopwatch watch;
  check(MPI_Waitall(static_cast<int>(impl_->requests.size()), impl_->requests.data(), MPI_STATUSES_IGNORE),
        "MPI_Waitall");
  impl_->waited = true;
  impl_->entry->seconds += watch.seconds();
}

Communicator::Communicator(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Communicator Communicator::world() {
  return Communicator(std::make_shared<Impl>());
}

int Communicator::rank() const {
  return impl_->comm.rank();
}
int Communicator::size() const {
  return impl_->comm.size();
}
const Traffic& Communicator::traffic() const {
  return *impl_->traffic;
}

template <Transferable T>
void Communicator::all_reduce(std::span<T> values, Reduction reduction) const {
  // The library folds in memory of its own, as long as the message: of 32 MiB and more the heap takes it from the
  // system in every call, page by page (run_main.cpp). Pieces of 2 MiB find it where the last one left it, in the cache
  // at that, and keep a network busy.
  constexpr Index longest = (Index{2} << 20) / static_cast<Index>(sizeof(T));
  impl_->chunked(
      Operation::all_reduce, static_cast<Index>(values.size()), static_cast<Index>(values.size_bytes()),
      [&](Index offset, int count) {
        check(MPI_Allreduce(MPI_IN_PLACE, values.data() + offset, count, datatype<T>(), mpi_op(reduction), impl_->comm),
              "MPI_Allreduce");
      },
      longest);
}

template <Transferable T>
void Communicator::exclusive_scan(std::span<T> values) const {
  impl_->chunked(Operation::exclusive_scan, static_cast<Index>(values.size()), static_cast<Index>(values.size_bytes()),
                 [&](Index offset, int count) {
                   check(MPI_Exscan(MPI_IN_PLACE, values.data() + offset, count, datatype<T>(), MPI_SUM, impl_->comm),
                         "MPI_Exscan");
                 });
  if (is_root()) std::fill(values.begin(), values.end(), T{});  // MPI leaves rank 0's buffer undefined
}

template <Transferable T>
void Communicator::all_gather(std::span<const T> mine, std::span<const Index> lengths, std::span<T> all) const {
  impl_->refuse_in_local_phase();
  const Stopwatch watch;
  std::vector<Index> offsets(lengths.size() + 1, 0);
  for (std::size_t r = 0; r < lengths.size(); ++r) offsets[r + 1] = offsets[r] + lengths[r];
  if (offsets.back() <= impl_->chunk) {
    const std::vector<int> counts(lengths.begin(), lengths.end());
    const std::vector<int> displacements(offsets.begin(), offsets.end() - 1);
    check(MPI_Allgatherv(mine.data(), static_cast<int>(mine.size()), datatype<T>(), all.data(), counts.data(),
                         displacements.data(), datatype<T>(), impl_->comm),
          "MPI_Allgatherv");
  } else {  // the displacements alone would overflow: one rank after the other, in chunks
    std::copy(mine.begin(), mine.end(), all.begin() + offsets[static_cast<std::size_t>(rank())]);
    for (std::size_t r = 0; r < lengths.size(); ++r)
      for (Index done = 0; done < lengths[r]; done += impl_->chunk)
        check(MPI_Bcast(all.data() + offsets[r] + done, static_cast<int>(std::min(impl_->chunk, lengths[r] - done)),
                        datatype<T>(), static_cast<int>(r), impl_->comm),
              "MPI_Bcast");
  }
  impl_->count(Operation::all_gather, static_cast<Index>(mine.size_bytes()), watch.seconds());
}

template <Transferable T>
void Communicator::broadcast(std::span<T> values, int root) const {
  const Index bytes = rank() == root ? static_cast<Index>(values.size_bytes()) : 0;
  impl_->chunked(Operation::broadcast, static_cast<Index>(values.size()), bytes, [&](Index offset, int count) {
    check(MPI_Bcast(values.data() + offset, count, datatype<T>(), root, impl_->comm), "MPI_Bcast");
  });
}

template <Transferable T>
void Communicator::combine(std::span<T> mine, const std::function<void(std::span<T>, std::span<const T>)>& fold) const {
  impl_->refuse_in_local_phase();
  const Stopwatch watch;
  const auto in_chunks = [&](T* values, const auto& call) {
    for (Index offset = 0; offset < static_cast<Index>(mine.size()); offset += impl_->chunk)
      check(call(values + offset, static_cast<int>(std::min(impl_->chunk, static_cast<Index>(mine.size()) - offset))),
            "combine");
  };
  std::vector<T> higher;
  for (int distance = 1; distance < size(); distance *= 2) {  // a rank leaves when it has handed its block down
    if (rank() % (2 * distance) != 0) {
      in_chunks(mine.data(), [&](const T* values, int count) {
        return MPI_Send(values, count, datatype<T>(), rank() - distance, combine_tag, impl_->comm);
      });
      break;
    }
    if (rank() + distance >= size()) continue;
    higher.resize(mine.size());
    in_chunks(higher.data(), [&](T* values, int count) {
      return MPI_Recv(values, count, datatype<T>(), rank() + distance, combine_tag, impl_->comm, MPI_STATUS_IGNORE);
    });
    const LocalPhase local(*this);
    fold(mine, higher);
  }
  in_chunks(mine.data(), [&](T* values, int count) { return MPI_Bcast(values, count, datatype<T>(), 0, impl_->comm); });
  impl_->count(Operation::combine, static_cast<Index>(mine.size_bytes()), watch.seconds());
}

template <Transferable T>
void Communicator::ring_shift(std::span<const T> sending, std::span<T> arriving) const {
  start_ring_shift(sending, arriving).wait();
}

template <Transferable T>
PendingShift Communicator::start_ring_shift(std::span<const T> sending, std::span<T> arriving) const {
  impl_->refuse_in_local_phase();
  const Stopwatch watch;
  PendingShift shift;
  shift.impl_ = std::make_unique<PendingShift::Impl>();
  shift.impl_->keeps_alive = impl_;
  shift.impl_->entry = &impl_->traffic->entries[static_cast<std::size_t>(Operation::ring_shift)];
  if (size() == 1) {
    if (sending.size() != arriving.size()) throw std::logic_error("ring shift on one rank between blocks of two sizes");
    std::copy(sending.begin(), sending.end(), arriving.begin());
  } else {
    const int from = (rank() + 1) % size();
    const int to = (rank() + size() - 1) % size();
    const auto post = [&](Index elements, const auto& call) {
      for (Index offset = 0; offset < elements; offset += impl_->chunk) {
        MPI_Request request = MPI_REQUEST_NULL;
        check(call(offset, static_cast<int>(std::min(impl_->chunk, elements - offset)), &request), "ring shift");
        shift.impl_->requests.push_back(request);
      }
    };
    post(static_cast<Index>(arriving.size()), [&](Index offset, int count, MPI_Request* request) {
      return MPI_Irecv(arriving.data() + offset, count, datatype<T>(), from, ring_tag, impl_->comm, request);
    });
    post(static_cast<Index>(sending.size()), [&](Index offset, int count, MPI_Request* request) {
      return MPI_Isend(sending.data() + offset, count, datatype<T>(), to, ring_tag, impl_->comm, request);
    });
  }
  impl_->count(Operation::ring_shift, static_cast<Index>(sending.size_bytes()), watch.seconds());
  return shift;
}

void Communicator::barrier() const {
  impl_->refuse_in_local_phase();
  impl_->comm.barrier();
}

std::string Communicator::broadcast_text(const std::string& text, int root) const {
  impl_->refuse_in_local_phase();
  std::string received = text;
  boost::mpi::broadcast(impl_->comm, received, root);
  return received;
}

std::vector<std::string> Communicator::gather_texts(const std::string& text) const {
  impl_->refuse_in_local_phase();
  std::vector<std::string> texts;
  boost::mpi::all_gather(impl_->comm, text, texts);
  return texts;
}

template <Transferable T>
std::vector<T> Communicator::gather(T value) const {
  impl_->refuse_in_local_phase();
  std::vector<T> values;
  boost::mpi::all_gather(impl_->comm, value, values);
  return values;
}

std::optional<Communicator> Communicator::first(int ranks) const {
  const bool member = rank() < ranks;
  auto impl = std::make_shared<Impl>();
  impl->comm = impl_->comm.split(member ? 0 : 1);
  impl->chunk = impl_->chunk;
  impl->local_phase = impl_->local_phase;
  if (!member) return std::nullopt;
  return Communicator(std::move(impl));
}

Communicator Communicator::split(int colour) const {
  impl_->refuse_in_local_phase();
  auto impl = std::make_shared<Impl>();
  impl->comm = impl_->comm.split(colour);
  impl->chunk = impl_->chunk;
  impl->traffic = impl_->traffic;
  impl->local_phase = impl_->local_phase;
  return Communicator(std::move(impl));
}

Communicator Communicator::duplicate() const {
  return *first(size());
}

Communicator Communicator::with_chunk(Index elements) const {
  Communicator copy = duplicate();
  copy.impl_->chunk = elements;
  return copy;
}

void Communicator::abort(int exit_code) const {
  MPI_Abort(impl_->comm, exit_code);
  std::abort();
}

LocalPhase::LocalPhase(const Communicator& comm) : active_(comm.impl_->local_phase) {
  *active_ = true;
}
LocalPhase::~LocalPhase() {
  *active_ = false;
}

Index Agreement::lowest_failed(const Communicator& comm, bool failed) {
  const Stopwatch watch;
  Index lowest = failed ? comm.rank() : comm.size();
  check(MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, datatype<Index>(), MPI_MIN, comm.impl_->comm), "MPI_Allreduce");
  comm.impl_->count(Operation::agree, sizeof(Index), watch.seconds());
  return lowest;
}

Index Agreement::failures(const Communicator& comm, bool failed) {
  Index total = failed ? 1 : 0;
  check(MPI_Allreduce(MPI_IN_PLACE, &total, 1, datatype<Index>(), MPI_SUM, comm.impl_->comm), "MPI_Allreduce");
  return total;
}

MPI_Comm Agreement::handle(const Communicator& comm) {
  return comm.impl_->comm;
}

// What is Transferable, one block a type.
template void Communicator::all_reduce(std::span<float>, Reduction) const;
template void Communicator::exclusive_scan(std::span<float>) const;
template void Communicator::all_gather(std::span<const float>, std::span<const Index>, std::span<float>) const;
template void Communicator::broadcast(std::span<float>, int) const;
template void Communicator::combine(std::span<float>,
                                    const std::function<void(std::span<float>, std::span<const float>)>&) const;
template void Communicator::ring_shift(std::span<const float>, std::span<float>) const;
template PendingShift Communicator::start_ring_shift(std::span<const float>, std::span<float>) const;
template std::vector<float> Communicator::gather(float) const;

template void Communicator::all_reduce(std::span<double>, Reduction) const;
template void Communicator::exclusive_scan(std::span<double>) const;
template void Communicator::all_gather(std::span<const double>, std::span<const Index>, std::span<double>) const;
template void Communicator::broadcast(std::span<double>, int) const;
template void Communicator::combine(std::span<double>,
                                    const std::function<void(std::span<double>, std::span<const double>)>&) const;
template void Communicator::ring_shift(std::span<const double>, std::span<double>) const;
template PendingShift Communicator::start_ring_shift(std::span<const double>, std::span<double>) const;
template std::vector<double> Communicator::gather(double) const;

template void Communicator::all_reduce(std::span<std::int32_t>, Reduction) const;
template void Communicator::exclusive_scan(std::span<std::int32_t>) const;
template void Communicator::all_gather(std::span<const std::int32_t>, std::span<const Index>,
                                       std::span<std::int32_t>) const;
template void Communicator::broadcast(std::span<std::int32_t>, int) const;
template void Communicator::combine(
    std::span<std::int32_t>, const std::function<void(std::span<std::int32_t>, std::span<const std::int32_t>)>&) const;
template void Communicator::ring_shift(std::span<const std::int32_t>, std::span<std::int32_t>) const;
template PendingShift Communicator::start_ring_shift(std::span<const std::int32_t>, std::span<std::int32_t>) const;
template std::vector<std::int32_t> Communicator::gather(std::int32_t) const;

template void Communicator::all_reduce(std::span<std::uint64_t>, Reduction) const;
template void Communicator::exclusive_scan(std::span<std::uint64_t>) const;
template void Communicator::all_gather(std::span<const std::uint64_t>, std::span<const Index>,
                                       std::span<std::uint64_t>) const;
template void Communicator::broadcast(std::span<std::uint64_t>, int) const;
template void Communicator::combine(
    std::span<std::uint64_t>,
    const std::function<void(std::span<std::uint64_t>, std::span<const std::uint64_t>)>&) const;
template void Communicator::ring_shift(std::span<const std::uint64_t>, std::span<std::uint64_t>) const;
template PendingShift Communicator::start_ring_shift(std::span<const std::uint64_t>, std::span<std::uint64_t>) const;
template std::vector<std::uint64_t> Communicator::gather(std::uint64_t) const;

template void Communicator::all_reduce(std::span<Index>, Reduction) const;
template void Communicator::exclusive_scan(std::span<Index>) const;
template void Communicator::all_gather(std::span<const Index>, std::span<const Index>, std::span<Index>) const;
template void Communicator::broadcast(std::span<Index>, int) const;
template void Communicator::combine(std::span<Index>,
                                    const std::function<void(std::span<Index>, std::span<const Index>)>&) const;
template void Communicator::ring_shift(std::span<const Index>, std::span<Index>) const;
template PendingShift Communicator::start_ring_shift(std::span<const Index>, std::span<Index>) const;
template std::vector<Index> Communicator::gather(Index) const;

}  // namespace breakeven
