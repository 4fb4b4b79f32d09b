#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/array.hpp"
#include "base/fields.hpp"
#include "base/layout.hpp"
#include "base/solution_array.hpp"
#include "base/source.hpp"
#include "comm/communicator.hpp"

// What the two problems on A1 (x) A2 share: the two factors, whose product is never formed.
namespace breakeven::regression {

/// A1 (n x d) and A2 (n2 x d2): their Kronecker product has n n2 rows, numbered by pairs (i, j), and d d2 columns.
struct KroneckerSpec {
  Index n = 4096;
  Index d = 8;
  Index n2 = 0;
  Index d2 = 0;
  std::string data = "gaussian";

  static constexpr auto fields() {
    using Spec = KroneckerSpec;
    return std::tuple{
        Field{"n", &Spec::n, "rows of the first factor"}, Field{"d", &Spec::d, "columns of the first factor"},
        Field{"n2", &Spec::n2, "rows of the second factor; 0: the same as n"},
        Field{"d2", &Spec::d2, "columns of the second factor; 0: the same as d"},
        Field{"data", &Spec::data,
              "synthetic factors: gaussian, student_t, cauchy, spike or correlated (docs/measuring.md)", "",
              std::array<std::string_view, 6>{"gaussian", "student_t", "cauchy", "spike", "correlated"}}};
  }

  Index second_rows() const { return n2 == 0 ? n : n2; }
  Index second_columns() const { return d2 == 0 ? d : d2; }
  Index rows(int factor) const { return factor == 0 ? n : second_rows(); }
  Index columns(int factor) const { return factor == 0 ? d : second_columns(); }
  /// D = d d2, the columns of the product.
  Index unknowns() const { return d * second_columns(); }
};

/// Most columns of the product: every rank holds D x D matrices, and their decomposition is not distributed.
inline constexpr Index most_unknowns = 1024;

/// The larger whitened error of what the halving of both factors ended with, r the factors' triangles; NaN for none.
double halving_error(const std::array<Array<double>, 2>& halved, const std::array<Array<double>, 2>& r);

/// 0 where a size of the second factor equals the first's: one case, and one curve over n.
void settle_sizes(KroneckerSpec& spec);
void validate_factors(const KroneckerSpec& spec);
/// Sizes from the datasets a1 and a2. Of A2 as many rows as of A1 are taken if the file has as many, else all of them.
void take_factor_sizes(const InputFile& file, KroneckerSpec& spec);

/// This rank's rows of both factors: those of A1 as the layout says, of A2 a balanced block.
template <class T>
struct KroneckerFactors {
  std::array<Range, 2> rows;  ///< global indices
  std::array<Array<T>, 2> a;  ///< rows x d, rows x d2

  KroneckerFactors(const KroneckerSpec&, const Source<T>&, const Layout&, int rank);
  static Index bytes(const KroneckerSpec&, const Layout&, int rank);
  /// The lowest NaN or infinity: position counts a1, then a2.
  std::optional<BadValue> first_bad_value() const;
};

/// Refuses a factor with a column of zeros, on all ranks alike. Collective, two messages.
template <class T>
void require_columns(const Communicator& comm, const KroneckerFactors<T>& factors);

}  // namespace breakeven::regression
