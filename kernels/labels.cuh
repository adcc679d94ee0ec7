// The label, or -1 where it is no class; narrowed last, or 2^32 would turn into class 0.
template <typename Label>
__device__ int class_or_none(Label label, int classes) {
    const long long wide = static_cast<long long>(label);
    return wide >= 0 && wide < classes ? static_cast<int>(wide) : -1;
}
