#include "methods/attention/forward/problem.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "base/sizes.hpp"
#include "methods/attention/forward/generators.hpp"

namespace breakeven::attention {
namespace {

/// Shape of a dataset as batch x heads x n x columns; a matrix has one batch element and one head.
std::array<Index, 4> four_dimensions(const InputFile& file, std::string_view dataset) {
  const Shape shape = file.shape(dataset);
  if (shape.size() == 2) return {1, 1, shape[0], shape[1]};
  if (shape.size() == 4) return {shape[0], shape[1], shape[2], shape[3]};
  throw BadRequest(file.path() + ": /" + std::string(dataset) + " must be n x d or batch x heads x n x d, has " +
                   std::to_string(shape.size()) + " dimensions");
}

std::string shape_text(const std::array<Index, 4>& shape) {
  return std::to_string(shape[0]) + " x " + std::to_string(shape[1]) + " x " + std::to_string(shape[2]) + " x " +
         std::to_string(shape[3]);
}

void require_same_tokens(const InputFile& file, std::string_view dataset, const std::array<Index, 4>& shape,
                         const std::array<Index, 4>& q, bool same_columns) {
  if (std::equal(shape.begin(), shape.begin() + 3, q.begin()) && (!same_columns || shape[3] == q[3])) return;
  throw BadRequest(file.path() + ": /" + std::string(dataset) + " is " + shape_text(shape) + " but /q is " +
                   shape_text(q) + "; batch, heads and n must be equal" + (same_columns ? ", and d" : ""));
}

template <class T>
void load(const Source<T>& source, std::string_view name, const std::vector<Range>& ranges, Array<T>& array) {
  for (Index slice = 0; slice < array.slices(); ++slice) {
    T* rows = array.slice(slice);
    for (const Range& range : ranges) {
      const auto entries = static_cast<std::size_t>(range.size() * array.columns());
      source.rows(name, slice, range, {rows, entries});
      rows += entries;
    }
  }
}

template <class T>
T largest_entry(const Array<T>& array) {
  T largest = 0;
  for (const T entry : array.span()) largest = std::max(largest, std::abs(entry));
  return largest;
}

}  // namespace

double ForwardSpec::scale_factor() const {
  if (scale == "1/d") return 1.0 / static_cast<double>(d);
  if (scale == "1/sqrt(d)") return 1.0 / std::sqrt(static_cast<double>(d));
  double number = 0;
  const auto [end, status] = std::from_chars(scale.data(), scale.data() + scale.size(), number);
  if (status != std::errc{} || end != scale.data() + scale.size() || !std::isfinite(number) || number <= 0)
    throw BadRequest("scale must be 1/d, 1/sqrt(d) or a positive number, got '" + scale + "'");
  return number;
}

template <class T>
ForwardProblem<T>::ForwardProblem(const Spec& wanted, const Source<T>& source, const Layout& rows, int rank)
    : spec(wanted),
      layout(rows),
      q(wanted.slices(), rows.rows(rank), wanted.d),
      k(wanted.slices(), rows.rows(rank), wanted.d),
      v(wanted.slices(), rows.rows(rank), wanted.value_dimension()),
      rank_(rank) {
  load(source, "q", layout.ranges(rank), q);
  load(source, "k", layout.ranges(rank), k);
  load(source, "v", layout.ranges(rank), v);
}

template <class T>
ForwardSpec ForwardProblem<T>::normalised(Spec spec) {
  spec.d_value = spec.d_value == 0 ? spec.d : spec.d_value;
  return spec;
}

template <class T>
void ForwardProblem<T>::validate(const Spec& spec) {
  require_at_least("n", 1, spec.n);
  require_at_least("d", 1, spec.d);
  require_at_least("d-value", 1, spec.d_value);
  require_at_least("heads", 1, spec.heads);
  require_at_least("batch", 1, spec.batch);
  require_countable("batch heads n (2 d + d-value), the entries of the data,",
                    static_cast<double>(spec.batch) * static_cast<double>(spec.heads) * static_cast<double>(spec.n) *
                        (2 * static_cast<double>(spec.d) + static_cast<double>(spec.d_value)));
  spec.scale_factor();
  if (spec.data != "file" && !(spec.bound > 0 && std::isfinite(spec.bound)))
    throw BadRequest("bound must be positive and finite, got " + to_text(Value(spec.bound)));
  if (spec.data == "planted") {
    if (spec.d % 2 != 0) throw BadRequest("planted data need an even d, got " + std::to_string(spec.d));
    if (spec.n % 2 != 0) throw BadRequest("planted data need an even n, got " + std::to_string(spec.n));
  }
}

template <class T>
ForwardSpec ForwardProblem<T>::from_input(const Spec& wanted, const InputFile& file) {
  Spec spec = wanted;
  const std::array<Index, 4> q = four_dimensions(file, "q");
  const std::array<Index, 4> v = four_dimensions(file, "v");
  require_same_tokens(file, "k", four_dimensions(file, "k"), q, true);
  require_same_tokens(file, "v", v, q, false);
  take_size("batch", q[0], spec.batch);
  take_size("heads", q[1], spec.heads);
  take_size("d", q[3], spec.d);
  take_size("d-value", v[3], spec.d_value);
  refuse_with_input("bound", wanted.bound);
  take_rows("n", file, "q", q[2], spec.n);
  spec.data = "file";
  spec.bound = std::numeric_limits<double>::quiet_NaN();
  return spec;
}

template <class T>
std::unique_ptr<Source<T>> ForwardProblem<T>::generate(const Spec& spec, std::uint64_t seed) {
  return std::make_unique<GeneratedSource<T>>(spec, seed);
}

template <class T>
Index ForwardProblem<T>::data_bytes(const Spec& spec, const Layout& layout, int rank) {
  return spec.slices() * layout.rows(rank) * (2 * spec.d + spec.value_dimension()) * static_cast<Index>(sizeof(T));
}

template <class T>
std::optional<BadValue> ForwardProblem<T>::first_bad_value() const {
  std::optional<BadValue> lowest;
  Index offset = 0;  // the datasets in order, each slice after slice, row after row
  for (const auto& [dataset, array] : {std::pair<const char*, const Array<T>*>{"q", &q}, {"k", &k}, {"v", &v}}) {
    for (Index slice = 0; slice < array->slices(); ++slice) {
      Index local = 0;
      for (const Range& range : layout.ranges(rank_)) {
        for (Index i = range.begin; i < range.end; ++i, ++local) {
          for (Index j = 0; j < array->columns(); ++j) {
            const T value = (*array)(slice, local, j);
            if (std::isfinite(value)) continue;
            const Index position = offset + (slice * spec.n + i) * array->columns() + j;
            if (lowest && lowest->position <= position) continue;
            const std::string text = std::isnan(value) ? "NaN" : (value > 0 ? "infinity" : "-infinity");
            const std::string where = array->slices() > 1 ? "slice " + std::to_string(slice) + ", " : "";
            lowest = BadValue{position, "dataset /" + std::string(dataset) + " holds " + text + " at " + where +
                                            "row " + std::to_string(i) + ", column " + std::to_string(j)};
          }
        }
      }
    }
    offset += array->slices() * spec.n * array->columns();
  }
  return lowest;
}

template <class T>
ForwardSpec ForwardProblem<T>::observed(const Communicator& comm, const Spec& spec, const ForwardProblem& problem) {
  Spec complete = spec;
  complete.bound = comm.all_reduce(static_cast<double>(std::max(largest_entry(problem.q), largest_entry(problem.k))),
                                   Reduction::maximum);
  return complete;
}

template <class T>
bool ForwardProblem<T>::agrees(const Reference& reference, const Solution& a, const Solution& b) {
  // Sums of n terms in two orders differ by a random walk of n roundings at most n eps long; 4 leaves room for the
  // roundings of scores and exponentials. Relative to the largest entry: O averages entries of V that may cancel.
  const T largest = std::max<T>(largest_entry(a.o), std::numeric_limits<T>::min());
  const T tolerance = 4 * std::numeric_limits<T>::epsilon() * static_cast<T>(reference.n) * largest;
  for (Index i = 0; i < a.o.size(); ++i)
    if (!(std::abs(a.o.data()[i] - b.o.data()[i]) <= tolerance)) return false;
  return a.o.size() == b.o.size();
}

template <class T>
std::vector<SolutionArray> ForwardProblem<T>::solution_arrays(const Spec& spec, const Layout& layout, int rank,
                                                              const Solution& solution) {
  SolutionArray o;
  o.name = "o";
  o.shape = {spec.n, spec.value_dimension()};
  if (spec.slices() > 1) o.shape = {spec.batch, spec.heads, spec.n, spec.value_dimension()};
  o.ranges = layout.ranges(rank);
  o.values = solution.o.span();
  return {o};
}

template struct ForwardProblem<float>;
template struct ForwardProblem<double>;

}  // namespace breakeven::attention
