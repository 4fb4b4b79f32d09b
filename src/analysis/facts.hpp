#pragma once

#include <string>
#include <vector>

#include "harness/record.hpp"

namespace breakeven {

/// A fact of the provenance or environment by the first of these names that the file holds; "" if none.
std::string fact(const Study& study, const std::vector<std::string>& names);

/// "Measured on <cpu> in 5 launches up to n = 16384, 1 above; label: quick." in what the file knows of it.
std::string measured_on(const Study& study);

/// What a reader must know before believing a number: few launches, few repetitions, oversubscribed or failed cases,
/// a label, a BLAS kernel below the CPU's. Plain sentences, most serious first.
std::vector<std::string> warnings(const Study& study);

}  // namespace breakeven
