#include "faiss.hpp"

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexFlat.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <omp.h>

#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "comm/agree.hpp"

namespace breakeven::peers {
namespace {

using inner_product::HeavyPairsProblem;
using inner_product::HeavyPairsSolution;
using inner_product::HeavyPairsSpec;
using inner_product::HitList;

Promise nothing_claimed() {
  Promise promise;
  promise.reason = "a peer: nothing is claimed for it";
  return promise;
}

/// Rows as numbers +1 and -1, row-major.
std::vector<float> unpacked(BitView rows) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(rows.n_rows * rows.n_bits));
  for (Index i = 0; i < rows.n_rows; ++i)
    for (Index k = 0; k < rows.n_bits; ++k)
      out.push_back(1 - 2 * static_cast<float>(rows.row(i)[k / bits_per_word] >> (k % bits_per_word) & 1));
  return out;
}

template <class Visit>
void for_each_hit(const faiss::RangeSearchResult& result, const Visit& visit) {
  for (std::size_t i = 0; i < result.nq; ++i)
    for (std::size_t h = result.lims[i]; h < result.lims[i + 1]; ++h)
      visit(static_cast<Index>(i), static_cast<Index>(result.labels[h]), result.distances[h]);
}

}  // namespace

FaissSearch::FaissSearch(const Communicator& comm, const HeavyPairsSpec& spec, std::string_view name)
    : spec_(spec), hits_(spec), comm_(comm) {
  agree(comm, "set-up", [&] {
    if (comm.size() > 1) throw Failure(std::string(name) + " works on one rank, got " + std::to_string(comm.size()));
  });
  omp_set_num_threads(1);
}

FaissSearch::~FaissSearch() = default;

const HeavyPairsSolution& FaissSearch::search(const HeavyPairsProblem<Word>& problem) {
  if (built_from_ != &problem) build(problem.a_view(), problem.b_view());
  built_from_ = &problem;
  hits_.clear();
  find(problem.a_view());
  hits_.gather(comm_, solution_);
  return solution_;
}

void FaissSearch::add(Index i, Index j, Index product) {
  if (!spec_.self || i < j) hits_.add(i, j, (spec_.d - product) / 2);
}

Schedule FaissSearch::schedule_of(const HeavyPairsSpec& spec, Index gathered, Index bytes_of_index) {
  Schedule schedule;
  schedule.compute(static_cast<double>(spec.n) * static_cast<double>(spec.n_b) * static_cast<double>(spec.d),
                   static_cast<double>(bytes_of_index));
  HitList::communicate(schedule);
  return schedule.resident(bytes_of_index + HitList::bytes(gathered));
}

// Rows are handed over as bytes of whole words: padding bits are zero on both sides and differ nowhere.
template <class T>
struct FaissBinary<T>::Impl {
  explicit Impl(Index words) : index(words * bits_per_word) {}
  faiss::IndexBinaryFlat index;
};

template <class T>
FaissBinary<T>::FaissBinary(const Communicator& comm, const HeavyPairsSpec& spec, const Params&)
    : FaissSearch(comm, spec, name), impl_(std::make_unique<Impl>(spec.words())) {}

template <class T>
FaissBinary<T>::~FaissBinary() = default;

template <class T>
void FaissBinary<T>::build(BitView, BitView b) {
  impl_->index.reset();
  impl_->index.add(b.n_rows, reinterpret_cast<const std::uint8_t*>(b.words));
}

template <class T>
void FaissBinary<T>::find(BitView a) {
  faiss::RangeSearchResult result(a.n_rows);
  impl_->index.range_search(a.n_rows, reinterpret_cast<const std::uint8_t*>(a.words),
                            static_cast<int>(spec_.radius()) + 1, &result);
  for_each_hit(result, [&](Index i, Index j, float distance) {
    add(i, j, spec_.product_at(static_cast<Index>(std::lround(distance))));
  });
}

template <class T>
Schedule FaissBinary<T>::schedule(const HeavyPairsSpec& spec, const Params&, const Counts& counts, int, int) {
  return schedule_of(spec, counts.gathered, spec.n_b * spec.words() * static_cast<Index>(sizeof(Word)));
}

template <class T>
Promise FaissBinary<T>::promise() const {
  return nothing_claimed();
}

template <class T>
struct FaissFlat<T>::Impl {
  explicit Impl(Index d) : index(d) {}
  faiss::IndexFlatIP index;
  std::vector<float> a;
};

template <class T>
FaissFlat<T>::FaissFlat(const Communicator& comm, const HeavyPairsSpec& spec, const Params&)
    : FaissSearch(comm, spec, name), impl_(std::make_unique<Impl>(spec.d)) {}

template <class T>
FaissFlat<T>::~FaissFlat() = default;

template <class T>
void FaissFlat<T>::build(BitView a, BitView b) {
  impl_->a = unpacked(a);  // a user's vectors would be floats already
  impl_->index.reset();
  impl_->index.add(b.n_rows, unpacked(b).data());
}

template <class T>
void FaissFlat<T>::find(BitView a) {
  faiss::RangeSearchResult result(a.n_rows);
  const float bound = static_cast<float>(spec_.product_at(spec_.radius())) - 0.5f;
  impl_->index.range_search(a.n_rows, impl_->a.data(), bound, &result);
  for_each_hit(result, [&](Index i, Index j, float product) { add(i, j, static_cast<Index>(std::lround(product))); });
}

template <class T>
Schedule FaissFlat<T>::schedule(const HeavyPairsSpec& spec, const Params&, const Counts& counts, int, int) {
  return schedule_of(spec, counts.gathered, (spec.n + spec.n_b) * spec.d * static_cast<Index>(sizeof(float)));
}

template <class T>
Promise FaissFlat<T>::promise() const {
  return nothing_claimed();
}

template class FaissBinary<Word>;
template class FaissFlat<Word>;

}  // namespace breakeven::peers
