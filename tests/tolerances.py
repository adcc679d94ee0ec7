"""Every tolerance of the tests, by dtype, with its reason."""

# A formula evaluated twice in another order: a few units in the last place of short sums.
ROUNDING = {
    "float32": {"rtol": 2e-6, "atol": 1e-6},  # 2**-23 = 1.2e-7 a step, about ten steps
    "float64": {"rtol": 1e-13, "atol": 1e-14},  # 2**-52 = 2.2e-16 a step
}

# norm(numeric - analytic) / norm(analytic) of central differences in float64. Truncation is of
# order step**2 = 1e-10 and rounding of order eps / step = 2e-11, relative to a loss of order 10.
GRADIENT = 1e-7

# A training run of a few steps against the same steps written otherwise: rounding, carried along.
TRAINING = {
    "float32": {"rtol": 1e-4, "atol": 1e-6},
    "float64": {"rtol": 1e-12, "atol": 1e-13},
}

# A kernel against the float64 reference, on the same inputs. Logits of a few units, up to 1,000
# classes, so losses of order 10.
KERNEL = {
    "float32": {"rtol": 5e-6, "atol": 3e-6},  # expf and logf: 2 ulp each, 1.2e-7 a step
    "float64": {"rtol": 1e-13, "atol": 1e-13},  # exp and log: 1 ulp each, 2.2e-16 a step
}

# A mini-batch step on CUDA against float64, norm by norm of every array: what the project promises.
# Sums of some hundred terms, each an ulp of 1.2e-7 (2.2e-16) at most, and few of them to one side.
FUSED_STEP = {"float32": 1e-6, "float64": 1e-14}
# Some steps, each starting from what the one before has rounded.
FUSED_EPOCH = {"float32": 5e-6, "float64": 5e-14}

# A column sum's error relative to the sum of its terms' magnitudes: at most half an ulp for each of
# the 4 + 8 + 10 + 32 additions that a term of 10,000 passes through.
COLUMN_SUM = {"float32": 54 * 2**-24, "float64": 54 * 2**-53}

# An array library against NumPy in float64, on inputs both represent exactly: other sums, and exp
# and log of another make.
LIBRARIES = {
    "float32": {"rtol": 1e-5, "atol": 2e-6},  # 2**-23 = 1.2e-7 a step, sums of some ten terms
    "float64": {"rtol": 1e-13, "atol": 1e-14},  # 2**-52 = 2.2e-16 a step
}

# Keras in float64, where it rounds a value to float32: the coefficient of l2 by up to 2**-25.
KERAS_L2 = {"rtol": 1e-6, "atol": 1e-6}

# An exported file's logits against ours, relative to the largest: the same sums of some 60 terms in
# another order, a few units in the last place. 1e-6 is also what the project promises.
EXPORT = {"float32": 1e-6, "float64": 5e-15}

# Losses of float32 rows, added in another order or computed by the formula: few ulp of 1.2e-7 each.
LOSS = {"rtol": 1e-6}
# One step in float64 by another array library: sums of some ten terms, carried into the weights.
STEP = {"rtol": 1e-12}

# Standardised float32 columns: a mean beside a deviation loses an ulp of 1.2e-7 as often as it is
# larger, and their own moments are sums of some hundred such values.
STANDARDISED = {"rtol": 1e-5, "atol": 1e-6}
STANDARDISED_MEAN, STANDARDISED_DEVIATION = {"rtol": 0, "atol": 1e-5}, {"rtol": 1e-5}
# Moments in float64, block by block: means of 5,000 values; a deviation of about 1 beside a mean of
# 100 loses its square, 1e4 times 2.2e-16.
MEAN, DEVIATION = {"rtol": 1e-12}, {"rtol": 1e-9, "atol": 1e-12}
# The deviation, about 1, of values at 1e9: these are rounded to 1.2e-7, 2**-23, beforehand.
DEVIATION_FAR_OUT = {"rtol": 1e-7}

# One training in PyTorch in two ways: the same steps, their losses added up in another order.
SUMMED_LOSSES = {"rtol": 1e-6}
# Losses of two float32 trainings of some epochs, one of them in float64: what tells another
# training from rounding.
RIVAL = {"rtol": 1e-2}

# A probability in a browser, whose page holds weights and shows numbers rounded.
PAGE = {"rtol": 0, "atol": 1e-4}
